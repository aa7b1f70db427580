import type { Clock } from "../../src/base/index.ts";
import { colorsFor } from "./colors.ts";
import type { OutputStream } from "./output-stream.ts";
import { formatBytes, formatCount, formatDuration, perSecond } from "./quantities.ts";

/** How far something has come. */
export interface Step {
  readonly records: number;
  readonly bytes: number;
}

/** What is shown of it. */
export interface ProgressOptions {
  /** With a total there is a bar and the time left. */
  readonly bytesTotal: number | undefined;
  /** False only keeps the time. */
  readonly isShown: boolean;
}

const REPAINT_INTERVAL_MS = 100;
const BAR_CELLS = 16;

/** One line on a terminal that is painted over as work goes on; nothing elsewhere. */
export class Progress {
  readonly #stream: OutputStream;
  readonly #clock: Clock;
  readonly #bytesTotal: number | undefined;
  readonly #startedMs: number;
  readonly #isShown: boolean;
  #paintedMs = 0;
  #isPainted = false;

  constructor(stream: OutputStream, clock: Clock, options: ProgressOptions) {
    this.#stream = stream;
    this.#clock = clock;
    this.#bytesTotal = options.bytesTotal;
    this.#isShown = options.isShown && stream.isTerminal;
    this.#startedMs = clock.monotonicMs();
  }

  /** Milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startedMs;
  }

  /** Shows the step, at most ten times a second. */
  show(step: Step): void {
    if (!this.#isShown) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#paintedMs < REPAINT_INTERVAL_MS) return;
    this.#paintedMs = nowMs;
    this.#isPainted = true;
    const line = this.#line(step).slice(0, Math.max(10, this.#stream.columns - 1));
    this.#stream.write(`\r${colorsFor(this.#stream).cyan(line)}\x1b[K`);
  }

  /** Removes the line, so that other text can follow. */
  clear(): void {
    if (this.#isPainted) this.#stream.write("\r\x1b[K");
    this.#isPainted = false;
  }

  #line({ records, bytes }: Step): string {
    const rate = `${formatCount(perSecond(records, this.elapsedMs))} records/s`;
    const amount = `${formatCount(records)} records, ${formatBytes(bytes)}, ${rate}`;
    const total = this.#bytesTotal;
    if (total === undefined || total === 0) return amount;
    const share = Math.min(1, bytes / total);
    const filled = Math.round(share * BAR_CELLS);
    const bar = `${"█".repeat(filled)}${"░".repeat(BAR_CELLS - filled)}`;
    const leftMs = share === 0 ? undefined : (this.elapsedMs * (1 - share)) / share;
    const left = leftMs === undefined ? "" : `, ${formatDuration(leftMs)} left`;
    return `${bar} ${Math.floor(share * 100)} %  ${amount}${left}`;
  }
}
