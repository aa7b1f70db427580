/**
 * Time as the core sees it. Everything below the network floor takes a Clock, so that a simulator or a test can
 * own time; this file is the only one that touches `Date` and timers.
 */
export interface Clock {
  /** Wall-clock milliseconds since the Unix epoch; may jump either way. For timestamps and retention by age. */
  nowMs(): number;
  /** Monotonic milliseconds from an arbitrary start, with fractions. For waits, deadlines and measurements. */
  monotonicMs(): number;
  /**
   * Calls back once after `delayMs` (0 to 2^31 − 1) unless cancelled. Does not keep the process alive unless asked to:
   * a program that awaits its client must not end because a retry is due later.
   */
  schedule(delayMs: number, callback: () => void, keepAlive?: "keep-alive"): Timer;
}

/** Longest delay of a timer, milliseconds: Node fires later ones at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** A scheduled callback. */
export interface Timer {
  /** Makes sure that the callback does not run from now on; harmless afterwards. */
  cancel(): void;
}

/** The machine's time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, callback, keepAlive) {
    const handle = setTimeout(callback, delayMs);
    if (keepAlive === undefined) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs` of the clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(delayMs, resolve));
}

/**
 * Calls back once what is ready in this turn of the event loop has been handled, promises included: for work that
 * gathers as much as comes together without waiting. Keeps the process alive until then.
 */
export function afterTurn(callback: () => void): void {
  setImmediate(callback);
}
