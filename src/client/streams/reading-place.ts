import { MillraceError } from "../../errors/index.ts";
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

  /** An event is handed out. Throws OFFSET_OUT_OF_RANGE if it is not the one that follows. */
  handOut({ revision }: StreamEvent): void {
    const next = this.#next;
    if (next !== undefined && revision !== next) throw missing(next);
    this.#revision = revision;
    this.#count++;
  }

  /** The broker has no more. Throws OFFSET_OUT_OF_RANGE if that is not the end of the stream as it was at first. */
  end(): void {
    const next = this.#next;
    if (next === undefined || this.rest() === undefined) return;
    // Where the broker's index was lost, the stream may have got further by a snapshot than by events.
    const { direction = "forwards" } = this.#options;
    const endsBySnapshot = this.#info?.snapshotRevision === this.#info?.lastRevision;
    if (direction === "backwards" || !endsBySnapshot) throw missing(next);
  }

  /** Revision that follows what was handed out; undefined before the first. */
  get #next(): number | undefined {
    if (this.#revision === undefined) return undefined;
    return this.#revision + (this.#options.direction === "backwards" ? -1 : 1);
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

/** What was to be read is gone meanwhile, or was never there: the broker's index was lost where events were, too. */
function missing(revision: number): MillraceError {
  const text = `revision ${revision} of the stream is missing: retention dropped it while it was read, or the broker counts its revisions anew; read the stream anew`;
  return new MillraceError("OFFSET_OUT_OF_RANGE", text, { details: { revision } });
}
