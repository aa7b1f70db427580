import type { Admin, AssignedToMember, GroupConsumer, TopicPartition } from "../../src/index.ts";
import type { Clock } from "../../src/base/index.ts";
import { MillraceError } from "../../src/errors/index.ts";

/** How often to look whether a member that has nothing is to get something. */
const LOOK_INTERVAL_MS = 500;

/**
 * Finds out when a member of a group has printed everything there was: each partition up to the high watermark of the
 * moment when it came. Later partitions count too; those that went do not.
 */
export class GroupEnd {
  readonly #admin: Admin;
  readonly #startFrom: "start" | "end";
  /** The offset to print up to, by partition, of those that are not printed so far. */
  readonly #ends = new Map<string, number>();
  #consumer: GroupConsumer | undefined;
  #hasBeenAssigned = false;

  constructor(admin: Admin, startFrom: "start" | "end") {
    this.#admin = admin;
    this.#startFrom = startFrom;
  }

  /** Stops the consumer at the end. Until it was assigned something, it looks whether it will be. Returns what ends that. */
  watch(consumer: GroupConsumer, clock: Clock): () => void {
    this.#consumer = consumer;
    let isWatching = true;
    const look = async () => {
      if (!isWatching || this.#hasBeenAssigned) return;
      if (await this.#isWithoutPartitions(consumer)) consumer.stop();
      clock.schedule(LOOK_INTERVAL_MS, () => void look());
    };
    clock.schedule(LOOK_INTERVAL_MS, () => void look());
    return () => {
      isWatching = false;
    };
  }

  /** Partitions came: finds out how far they go now. */
  async assigned(partitions: readonly AssignedToMember[]): Promise<void> {
    this.#hasBeenAssigned = true;
    const places = partitions.flatMap(({ topic, partition }) =>
      (["start", "end"] as const).map((at) => ({ topic, partition, at })),
    );
    const answers = await this.#admin.listOffsets(places);
    for (const [index, assigned] of partitions.entries()) {
      const [start, end] = [answers[2 * index]?.offset, answers[2 * index + 1]?.offset];
      // Of a partition that cannot be asked, the iteration will tell; of one that begins at the end, that it has begun
      // is told by its mark.
      const position = assigned.committed?.offset ?? (this.#startFrom === "start" ? start : undefined);
      if (end !== undefined && position !== undefined && position >= end) continue;
      this.#ends.set(keyOf(assigned), end ?? Number.POSITIVE_INFINITY);
    }
    this.#stopAtEnd();
  }

  /** A partition was printed up to here. */
  reached(partition: TopicPartition, offset: number): void {
    if (offset >= (this.#ends.get(keyOf(partition)) ?? Number.POSITIVE_INFINITY)) this.caughtUp(partition);
  }

  /** A partition was printed to its end. */
  caughtUp(partition: TopicPartition): void {
    if (this.#ends.delete(keyOf(partition))) this.#stopAtEnd();
  }

  /** Partitions went. */
  gone(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#ends.delete(keyOf(partition));
    this.#stopAtEnd();
  }

  #stopAtEnd(): void {
    if (this.#ends.size === 0) this.#consumer?.stop();
  }

  /** Whether the group has no partition for the member: others have them all, or there are none. */
  async #isWithoutPartitions({ group, memberId }: GroupConsumer): Promise<boolean> {
    try {
      const { members } = await this.#admin.describeGroup(group);
      const member = members.find((each) => each.memberId === memberId);
      return member !== undefined && member.assigned.length + member.target.length === 0;
    } catch (thrown) {
      if (thrown instanceof MillraceError) return false; // the consumer tells of trouble; this only looks again
      throw thrown;
    }
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
