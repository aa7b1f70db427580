import { MillraceError } from "../../errors/index.ts";
import type { StoredOffset } from "../offsets/committed-offsets.ts";
import type { TopicCatalogue } from "../ports.ts";
import { type OffsetChange, type OffsetsOfGroup, storeOffsets } from "../storage/store-offsets.ts";

/**
 * Where the logs of all topics ended when the broker started. A crash may take the tail of a log that is not flushed
 * for each write, and offsets committed above its end would skip what is appended there next, without a word.
 */
export class RecoveredEnds {
  /** By topic id and partition; undefined is offline, and nothing is appended there before another start. */
  readonly #ends = new Map<string, readonly (number | undefined)[]>();

  /** Looks at all partitions now. */
  constructor(catalogue: Pick<TopicCatalogue, "topics" | "bounds">) {
    for (const { name, topicId, partitionCount } of catalogue.topics()) {
      const ends = Array.from({ length: partitionCount }, (_, partition) => {
        const bounds = catalogue.bounds(name, partition);
        return bounds instanceof MillraceError ? undefined : bounds.highWatermark;
      });
      this.#ends.set(topicId, ends);
    }
  }

  /**
   * Lets the offsets of a group that lie above expire, so that whoever goes on there is told of a gap. Resolves with
   * how many there were, when that is durable. Throws why it cannot be.
   */
  async expireAbove(group: OffsetsOfGroup): Promise<number> {
    const lost: (OffsetChange & { readonly offset: StoredOffset })[] = [];
    for (const [topic, partition, { topicId, committed }] of group.offsets.all()) {
      const end = this.#ends.get(topicId)?.[partition] ?? Number.POSITIVE_INFINITY;
      if (committed.expired || committed.offset <= end) continue;
      const offset = { topicId, committed: { ...committed, expired: true } };
      lost.push({ topic, partition, metadata: committed.metadata, offset });
    }
    const failures = await storeOffsets(group, lost, ({ offset }) => offset);
    for (const failure of failures) if (failure !== undefined) throw failure;
    return lost.length;
  }
}
