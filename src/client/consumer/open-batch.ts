import type { ConsumedRecord, ConsumedRecordCursor } from "../api/reader.ts";
import { type DeliveredBatch, recordAt } from "../reader/delivered-batch.ts";
import type { PartitionReader } from "../reader/partition-reader.ts";
import type { OffsetTracker } from "./offset-tracker.ts";
import type { OwnedPartition } from "./owned-partition.ts";

/** A batch of a partition of this member, as it was taken from the reader. */
export interface OwnedBatch {
  readonly batch: DeliveredBatch;
  readonly owner: OwnedPartition;
  readonly tracker: OffsetTracker;
  /** The owner's generation: once that has moved on, the rest of the batch is void. */
  readonly generation: number;
}

/** Whether the batch may not be handed out any more: the partition was given up, moved or paused since. */
export function isVoid({ owner, generation }: OwnedBatch): boolean {
  return owner.phase !== "reading" || owner.generation !== generation;
}

/** Lets what was taken of a partition and not handed out be read again. */
export function giveBack(reader: PartitionReader, owner: OwnedPartition): void {
  const state = owner.giveBack();
  if (state !== undefined) reader.rewind(state);
}

/** Hands out a batch record by record, and keeps the books of it. */
export class OpenBatch {
  readonly source: OwnedBatch;
  readonly #cursor: ConsumedRecordCursor;
  /** The cursor stands on a record that was not handed out. */
  #hasRecord = false;

  constructor(source: OwnedBatch) {
    this.source = source;
    this.#cursor = source.batch.records();
  }

  /** Whether there is a record to hand out; if not, the batch is at its end or void. */
  hasNext(): boolean {
    const { batch, tracker } = this.source;
    if (isVoid(this.source)) return false;
    if (this.#hasRecord) return true;
    this.#hasRecord = this.#cursor.next();
    if (!this.#hasRecord) tracker.passed(batch.nextOffset);
    return this.#hasRecord;
  }

  /** Offset of the record to hand out, after `hasNext`. */
  get offset(): number {
    return this.#cursor.offset;
  }

  /** Hands out the record that `hasNext` promised. */
  next(): ConsumedRecord {
    const { batch, tracker } = this.source;
    const record = recordAt(batch, this.#cursor);
    this.#hasRecord = false;
    tracker.started(record.offset);
    return record;
  }
}
