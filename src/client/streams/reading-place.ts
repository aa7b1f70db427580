import type { ReadStreamOptions, StreamEvent, StreamInfo } from "../api/streams.ts";

/** How far the reading of a stream has got, so that it can go on after it broke. */
export class ReadingPlace {
  readonly #options: ReadStreamOptions;
  /** The stream as the reading began. */
  #info: StreamInfo | undefined;
  /** Revision of the last event handed out. */
  #revision: number | undefined;
  #count = 0;

  constructor(options: ReadStreamOptions) {
    this.#options = options;
  }

  /** Events handed out. */
  get count(): number {
    return this.#count;
  }

  /** The stream as a broker described it; only the first description counts: what came later is not read. */
  describe(info: StreamInfo): void {
    this.#info ??= info;
  }

  /** An event is handed out. */
  handOut({ revision }: StreamEvent): void {
    this.#revision = revision;
    this.#count++;
  }

  /** What is still to be read; undefined for nothing. */
  rest(): ReadStreamOptions | undefined {
    const { direction = "forwards", maxEvents = Number.POSITIVE_INFINITY } = this.#options;
    const revision = this.#revision;
    if (revision === undefined || this.#info === undefined) return this.#options;
    const { firstRevision, lastRevision = revision } = this.#info;
    const isForwards = direction === "forwards";
    const behind = isForwards ? lastRevision - revision : revision - firstRevision;
    const left = Math.min(maxEvents - this.#count, behind);
    if (left <= 0) return undefined;
    return { direction, fromRevision: isForwards ? revision + 1 : revision - 1, maxEvents: left };
  }
}
