import { BATCH_BYTES_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { PartitionLog, ReadResult } from "../log/index.ts";
import { readBatchSize, readLastOffset, readRecordCount } from "../record/index.ts";
import type { Assignment, Delivered, SubscriptionApi, SubscriptionSink } from "./subscription-api.ts";

/** Finds the log of a partition. Throws MillraceError. */
export type LogLookup = (topic: string, partition: number) => PartitionLog;

/** A partition that is being read. */
interface Slot {
  readonly assignment: Assignment;
  readonly log: PartitionLog;
  readonly listener: () => void;
  offset: number;
  /** There may be something to read. */
  isReady: boolean;
  /** High watermark last told as caught up. */
  caughtUpAt: number | undefined;
}

/**
 * Delivers partitions as they grow, round robin, never beyond the reader's credit. One loop calls the sink, so that
 * its calls never overlap; it sleeps when nothing is ready or credit is spent.
 */
export class Subscription implements SubscriptionApi {
  readonly #lookup: LogLookup;
  readonly #sink: SubscriptionSink;
  readonly #maxBytes: number;
  /** By `<topic>-<partition>`, in order of turns. */
  readonly #slots = new Map<string, Slot>();
  /** Not told yet; at most one of each assigned partition, however often it is assigned. */
  readonly #failures = new Map<string, { assignment: Assignment; error: MillraceError }>();
  #creditRecords = 0;
  #creditBytes = 0;
  #isClosed = false;
  #isRunning = false;

  constructor(lookup: LogLookup, sink: SubscriptionSink, options: { readonly maxBytes: number }) {
    this.#lookup = lookup;
    this.#sink = sink;
    this.#maxBytes = options.maxBytes;
  }

  assign(assignment: Assignment, offset: number): void {
    this.unassign(assignment.topic, assignment.partition);
    try {
      const log = this.#lookup(assignment.topic, assignment.partition);
      const listener = () => {
        slot.isReady = true;
        this.#run();
      };
      const slot: Slot = { assignment, log, listener, offset, isReady: true, caughtUpAt: undefined };
      log.listen(listener);
      this.#slots.set(keyOf(assignment), slot);
    } catch (error) {
      this.#failures.set(keyOf(assignment), { assignment, error: MillraceError.from(error) });
    }
    this.#run();
  }

  unassign(topic: string, partition: number): void {
    const key = keyOf({ topic, partition });
    this.#failures.delete(key);
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    slot.log.unlisten(slot.listener);
    this.#slots.delete(key);
  }

  addCredit(records: number, bytes: number): void {
    this.#creditRecords += records;
    this.#creditBytes += bytes;
    this.#run();
  }

  close(): void {
    this.#isClosed = true;
    for (const { assignment } of [...this.#slots.values()])
      this.unassign(assignment.topic, assignment.partition);
  }

  #run(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    void this.#deliverAll();
  }

  /** Says that it has ended in the same turn as its last look, so that no news falls between the two. */
  async #deliverAll(): Promise<void> {
    try {
      while (!this.#isClosed) {
        const [failed] = this.#failures;
        if (failed !== undefined) {
          const [key, failure] = failed;
          this.#failures.delete(key);
          await this.#sink.failed(failure.assignment, failure.error);
          continue;
        }
        const slot = this.#nextSlot();
        if (slot === undefined) return;
        await this.#serve(slot);
      }
    } finally {
      this.#isRunning = false;
    }
  }

  /** The partition whose turn it is, if any is ready and there is credit; it goes to the end of the line. */
  #nextSlot(): Slot | undefined {
    if (this.#creditRecords <= 0 || this.#creditBytes <= 0) return undefined;
    for (const [key, slot] of this.#slots) {
      if (!slot.isReady) continue;
      this.#slots.delete(key);
      this.#slots.set(key, slot);
      return slot;
    }
    return undefined;
  }

  async #serve(slot: Slot): Promise<void> {
    const { assignment, log } = slot;
    const { room } = this.#sink;
    slot.isReady = false;
    let read: ReadResult;
    try {
      // Without room many readers of one append would each have their copy of it at once.
      if (log.highWatermark > slot.offset) await room.take(BATCH_BYTES_MAX);
      if (!this.#isCurrent(slot)) return room.giveBack();
      const whole = await log.read(slot.offset, Math.min(this.#maxBytes, this.#creditBytes));
      read = limitRecords(whole, this.#creditRecords);
    } catch (error) {
      return this.#refuse(slot, error);
    }
    if (!this.#isCurrent(slot)) {
      read.release?.();
      return room.giveBack();
    }
    if (read.bytes > 0) return this.#deliver(slot, read);
    room.giveBack();
    if (slot.offset === read.highWatermark && slot.caughtUpAt !== read.highWatermark) {
      slot.caughtUpAt = read.highWatermark;
      await this.#sink.caughtUp(assignment, read.highWatermark);
    }
  }

  async #deliver(slot: Slot, read: ReadResult): Promise<void> {
    let delivered: Delivered;
    try {
      delivered = this.#sink.deliver(slot.assignment, read);
    } catch (error) {
      return this.#refuse(slot, error);
    }
    slot.offset = delivered.nextOffset;
    slot.isReady = true;
    this.#creditRecords -= delivered.recordCount;
    this.#creditBytes -= delivered.bytes;
    await delivered.ready;
  }

  /** Ends an assignment that cannot be read or delivered. */
  async #refuse(slot: Slot, error: unknown): Promise<void> {
    this.#sink.room.giveBack();
    if (!this.#isCurrent(slot)) return;
    const { assignment } = slot;
    this.unassign(assignment.topic, assignment.partition);
    await this.#sink.failed(assignment, MillraceError.from(error));
  }

  /** False if the partition was unassigned or moved while it was read. */
  #isCurrent(slot: Slot): boolean {
    return !this.#isClosed && this.#slots.get(keyOf(slot.assignment)) === slot;
  }
}

function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}-${partition}`;
}

/** The batches up to and with the one that reaches `records`, by their headers; all of them if they hold no more. */
function limitRecords(read: ReadResult, records: number): ReadResult {
  if (read.recordCount <= records) return read;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let recordCount = 0;
  let nextOffset = read.offset;
  for (const chunk of read.chunks) {
    let end = 0;
    while (end < chunk.length && recordCount < records) {
      const endOffset = readLastOffset(chunk, end) + 1;
      recordCount += Math.min(readRecordCount(chunk, end), endOffset - nextOffset);
      nextOffset = endOffset;
      end += readBatchSize(chunk, end)!;
    }
    chunks.push(chunk.subarray(0, end));
    bytes += end;
    if (recordCount >= records) break;
  }
  return { ...read, chunks, bytes, recordCount, nextOffset };
}
