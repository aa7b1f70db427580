import type { Random } from "../../base/index.ts";
import { partitionForKey } from "../../record/index.ts";
import type { Partitioner, ProducerRecord } from "../api/producer.ts";

/** Keys up to this many bytes are hashed without an allocation for each. */
const SCRATCH_BYTES = 256;

const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
/** The first n bytes of the scratch, by n: a view for each record would be garbage. */
const scratchViews = Array.from({ length: SCRATCH_BYTES + 1 }, (_, length) => scratch.subarray(0, length));

/** What a chooser must know of the partitions. */
export interface Partitions {
  readonly count: number;
  /** Whether the partition is collecting a batch, and nothing keeps its batches from being sent. */
  isCollecting(partition: number): boolean;
  isFlowing(partition: number): boolean;
}

/**
 * Chooses partitions: by key as Kafka's default partitioner does, and without key one partition for a whole batch, then
 * the next that is not in trouble. Few large batches cost less than many small ones.
 */
export class PartitionChooser {
  readonly #partitioner: "default" | Partitioner;
  readonly #random: Random;
  #sticky: number | undefined;

  constructor(partitioner: "default" | Partitioner, random: Random) {
    this.#partitioner = partitioner;
    this.#random = random;
  }

  /**
   * The partition where a record must go; undefined if any will do. Not necessarily one that exists, if the record or
   * a partitioner of the program named it.
   */
  named(topic: string, record: ProducerRecord, partitionCount: number): number | undefined {
    if (record.partition !== undefined) return record.partition;
    if (this.#partitioner !== "default") return this.#partitioner(record, topic, partitionCount);
    const { key } = record;
    if (key === null || key === undefined) return undefined;
    return partitionForKey(typeof key === "string" ? utf8(key) : key, partitionCount);
  }

  /** The partition for records that may go anywhere: the same while it collects a batch, then the next. */
  sticky(partitions: Partitions): number {
    const { count } = partitions;
    if (this.#sticky !== undefined && partitions.isCollecting(this.#sticky)) return this.#sticky;
    let next = this.#sticky === undefined ? Math.floor(this.#random.fraction() * count) : this.#sticky + 1;
    for (let tried = 0; tried < count && !partitions.isFlowing(next % count); tried++) next++;
    this.#sticky = next % count;
    return this.#sticky;
  }
}

/** Text as UTF-8; valid until the next call. */
function utf8(text: string): Uint8Array {
  if (text.length * 3 > SCRATCH_BYTES) return Buffer.from(text);
  return scratchViews[scratch.write(text, 0, "utf8")]!;
}
