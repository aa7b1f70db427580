import type { CommittedOffset } from "../types.ts";
import { PartitionMap } from "../partition-map.ts";

/** A committed offset with the topic it belongs to: a topic deleted and created anew does not inherit it. */
export interface StoredOffset {
  readonly topicId: string;
  readonly committed: CommittedOffset;
}

/** What a committed offset takes beside its metadata, with the maps it is in and its topic's id, roughly. */
const OFFSET_BYTES = 200;

/** Bytes of memory that the committed offsets of all groups take, roughly. */
export interface OffsetsMeter {
  bytes: number;
}

/**
 * How far one group has read, as its log has it. What is on its way to the log is staged: later commits of the same
 * append are held against it, and nobody else sees it before it is durable.
 */
export class CommittedOffsets {
  readonly #durable = new PartitionMap<StoredOffset>();
  /** Undefined deletes. */
  readonly #staged = new PartitionMap<StoredOffset | undefined>();
  #meter: OffsetsMeter = { bytes: 0 };
  /** When somebody committed last; 0 if nobody did. */
  #newestAtMs = 0;

  /** Partitions with a committed offset. */
  get size(): number {
    return this.#durable.size;
  }

  /** Counts its bytes with those of others from now on. */
  countIn(meter: OffsetsMeter): void {
    meter.bytes += this.#meter.bytes;
    this.#meter = meter;
  }

  /** Milliseconds since the Unix epoch at which the newest was committed; 0 if there never was one. */
  get newestAtMs(): number {
    return this.#newestAtMs;
  }

  /** The committed offset; undefined if there is none, or if it is of another topic of that name. */
  get(topic: string, topicId: string, partition: number): CommittedOffset | undefined {
    return ofTopic(this.#durable.get(topic, partition), topicId);
  }

  /** What will be the committed offset once all that is staged is durable. */
  staged(topic: string, topicId: string, partition: number): CommittedOffset | undefined {
    return ofTopic(this.stagedOfAny(topic, partition), topicId);
  }

  /** As `staged`, of whichever topic of that name. */
  stagedOfAny(topic: string, partition: number): StoredOffset | undefined {
    const isStaged = this.#staged.has(topic, partition);
    return (isStaged ? this.#staged : this.#durable).get(topic, partition);
  }

  /** Sets a committed offset, or deletes it, once `settle` says so. */
  stage(topic: string, partition: number, offset: StoredOffset | undefined): void {
    this.#staged.set(topic, partition, offset);
  }

  /** What was staged is durable. */
  settle(): void {
    for (const [topic, partition, offset] of this.#staged.entries()) this.load(topic, partition, offset);
    this.#staged.clear();
  }

  /** What was staged is not to be. */
  discard(): void {
    this.#staged.clear();
  }

  /** Takes over what the log has; undefined deletes. */
  load(topic: string, partition: number, offset: StoredOffset | undefined): void {
    this.#meter.bytes += bytesOf(offset) - bytesOf(this.#durable.get(topic, partition));
    if (offset === undefined) {
      this.#durable.delete(topic, partition);
      return;
    }
    this.#durable.set(topic, partition, offset);
    this.#newestAtMs = Math.max(this.#newestAtMs, offset.committed.committedAtMs);
  }

  /** Whether this would take more memory than what is there now. */
  wouldGrow(topic: string, partition: number, metadata: string): boolean {
    const now = this.#durable.get(topic, partition);
    return now === undefined || metadata.length > now.committed.metadata.length;
  }

  /** Of which there are committed offsets. */
  topics(): IterableIterator<string> {
    return this.#durable.topics();
  }

  /** All of any topic, in no order. */
  all(): Generator<[topic: string, partition: number, offset: StoredOffset]> {
    return this.#durable.entries();
  }

  /** All of any topic, by topic and partition. */
  inOrder(): Generator<[topic: string, partition: number, offset: StoredOffset]> {
    return this.#durable.inOrder();
  }
}

function ofTopic(offset: StoredOffset | undefined, topicId: string): CommittedOffset | undefined {
  return offset?.topicId === topicId ? offset.committed : undefined;
}

function bytesOf(offset: StoredOffset | undefined): number {
  return offset === undefined ? 0 : OFFSET_BYTES + 2 * offset.committed.metadata.length;
}
