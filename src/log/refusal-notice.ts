import type { MillraceError } from "../errors/index.ts";
import type { LogEnvironment } from "./types.ts";

/** A partition whose writes are refused is told of at most this often. */
const INTERVAL_MS = 10_000;

/** Tells the operator that writes are refused, for lack of space above all: clients try again and again. */
export class RefusalNotice {
  readonly #env: LogEnvironment;
  readonly #partition: string;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(env: LogEnvironment, partition: string) {
    this.#env = env;
    this.#partition = partition;
  }

  /** Tells of the refusal if it is time, and returns it. */
  refused(refusal: MillraceError): MillraceError {
    const { reason, message } = refusal;
    const nowMs = this.#env.clock.monotonicMs();
    if (nowMs - this.#toldMs >= INTERVAL_MS) {
      this.#toldMs = nowMs;
      this.#env.logger.warn({ partition: this.#partition, reason, error: message }, "writes are refused");
    }
    return refusal;
  }
}
