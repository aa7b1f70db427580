import type { Clock, Logger, Timer } from "../base/index.ts";

/** Work that nobody waits for until the end: repeated by the clock or done once. Failures are logged. */
export class BackgroundWork {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #timers = new Map<string, Timer>();
  readonly #running = new Set<Promise<void>>();
  #isClosing = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** No more work is wanted; what takes long should leave the rest to the next start. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Runs the work every `intervalMs` after its last end; after a failure the next turn tries again. */
  repeat(name: string, intervalMs: number, work: () => Promise<void>): void {
    const timer = this.#clock.schedule(intervalMs, () => {
      void this.run(name, work).then(() => {
        if (!this.#isClosing) this.repeat(name, intervalMs, work);
      });
    });
    this.#timers.set(name, timer);
  }

  /** Runs the work once; resolves at its end, however it ends. */
  run(name: string, work: () => Promise<void>): Promise<void> {
    const running = work()
      .catch((error: unknown) => {
        this.#logger.warn({ work: name, error: String(error) }, "background work failed");
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Stops the timers and waits for the work under way. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const timer of this.#timers.values()) timer.cancel();
    await Promise.all(this.#running);
  }
}
