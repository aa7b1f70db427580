import type { StreamHead, TailRun } from "../stream-head.ts";

/** What is known of a record beside its stream and offset. */
export interface RecordNote {
  readonly isPlain: boolean;
  readonly snapshotRevision: number | undefined;
  readonly idempotencyKey: string | undefined;
}

/** An event that a plain producer wrote. */
export const PLAIN: RecordNote = { isPlain: true, snapshotRevision: undefined, idempotencyKey: undefined };

/** Adds records to their streams, one after another, as runs. */
export class UnitBuilder {
  readonly runs: TailRun[] = [];
  #isSealed = false;

  /** Of the first record; undefined if there is none. */
  get firstOffset(): number | undefined {
    return this.runs[0]?.offset;
  }

  /** The next record begins a run. */
  seal(): void {
    this.#isSealed = true;
  }

  /** `count` records of a stream from the offset on. */
  add(head: StreamHead, offset: number, count: number, note: RecordNote): void {
    const run = { head, offset, count, first: head.counted, ...note };
    head.add(run);
    this.runs.push(run);
  }

  /** One record: makes the last run longer if it goes on with the next event of the same stream. */
  append(head: StreamHead, offset: number, note: RecordNote): void {
    const last = this.runs.at(-1);
    const isNext =
      !this.#isSealed &&
      last?.head === head &&
      last.offset + last.count === offset &&
      last.first + last.count === head.counted &&
      last.isPlain === note.isPlain &&
      last.snapshotRevision === undefined &&
      note.snapshotRevision === undefined &&
      note.idempotencyKey === undefined;
    this.#isSealed = false;
    if (isNext) head.extend(last);
    else this.add(head, offset, 1, note);
  }

  /** Takes everything back. */
  takeBack(): void {
    for (const run of this.runs.reverse()) run.head.takeBack(run);
    this.runs.length = 0;
  }
}
