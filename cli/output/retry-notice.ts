import type { Clock } from "../../src/base/index.ts";
import type { MillraceError } from "../../src/errors/index.ts";
import type { OutputStream } from "./output-stream.ts";

/** A trouble that is over sooner is not worth a word. */
const PATIENCE_MS = 1_000;
const REPEAT_MS = 10_000;
/** After so long without a retry, the next one begins another trouble. */
const FORGET_MS = 30_000;

/** How much a RetryNotice tells. */
export interface RetryNoticeOptions {
  /** Tells every retry. */
  readonly isVerbose: boolean;
  /** Tells none. */
  readonly isQuiet: boolean;
  /** Makes way for a line, such as a progress bar. */
  readonly makeWay?: () => void;
}

/** Tells on stderr why a command waits: once a trouble has lasted for a second, and every ten from then on. */
export class RetryNotice {
  readonly #stream: OutputStream;
  readonly #clock: Clock;
  readonly #options: RetryNoticeOptions;
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(stream: OutputStream, clock: Clock, options: RetryNoticeOptions) {
    this.#stream = stream;
    this.#clock = clock;
    this.#options = options;
  }

  /** Something is tried again. */
  retrying(error: MillraceError): void {
    const { isVerbose, isQuiet, makeWay } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastMs > FORGET_MS) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
    const isDue = nowMs - this.#sinceMs >= PATIENCE_MS && nowMs - this.#toldMs >= REPEAT_MS;
    if (isQuiet || !(isVerbose || isDue)) return;
    this.#toldMs = nowMs;
    makeWay?.();
    this.#stream.write(`retrying: ${error.message} [${error.reason}]\n`);
  }
}
