import type { Clock, Random } from "../base/index.ts";
import type { MillraceError } from "../errors/index.ts";

const FIRST_MS = 50;
const CAP_MS = 2_000;

/**
 * Waits between tries: exponential with full jitter (a uniform draw below the cap spreads clients that failed together,
 * see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), and at least as long as the reason asks for.
 */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and returns how long to wait before the next try, milliseconds. */
  next(error: MillraceError): number {
    const cap = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    return Math.round((error.retryDelayMs ?? 0) + this.#random.fraction() * cap);
  }

  /** Forgets the failures. */
  reset(): void {
    this.#failures = 0;
  }
}

/** Resolves after `delayMs`, keeping the process alive: somebody awaits what follows. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.schedule(delayMs, resolve, "keep-alive"));
}
