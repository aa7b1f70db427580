import type { GroupsApi, TopicPartition } from "../../src/group/index.ts";
import type { TestMember } from "../group/members.ts";

/** A committed offset as it was promised: one of these, the first of which was acknowledged; undefined is none. */
type Possible = (number | undefined)[];

interface KnownMember {
  /** "unsure": a call that joins or leaves was not answered, or with a failure that says nothing. */
  state: "in" | "out" | "unsure";
  readonly member: TestMember | undefined;
}

/** What a broker was asked to keep of its groups and promised to keep, held against what is found after a start. */
export class GroupLedger {
  /** By "group topic-partition". */
  readonly #offsets = new Map<string, Possible>();
  /** Of group "g", by id. */
  readonly members = new Map<string, KnownMember>();

  /** The same, to go on differently from here. */
  fork(): GroupLedger {
    const copy = new GroupLedger();
    for (const [key, possible] of this.#offsets) copy.#offsets.set(key, [...possible]);
    for (const [id, known] of this.members) copy.members.set(id, { ...known });
    return copy;
  }

  get acknowledgedCount(): number {
    return [...this.#offsets.values()].filter(([acknowledged]) => acknowledged !== undefined).length;
  }

  /** Somebody is about to set an offset, or to delete it. */
  asked(group: string, place: TopicPartition, offset: number | undefined): void {
    const key = keyOf(group, place);
    this.#offsets.set(key, [...(this.#offsets.get(key) ?? [undefined]), offset]);
  }

  acknowledged(group: string, place: TopicPartition, offset: number | undefined): void {
    this.#offsets.set(keyOf(group, place), [offset]);
  }

  /** It certainly did not happen. */
  refused(group: string, place: TopicPartition): void {
    this.#offsets.get(keyOf(group, place))?.pop();
  }

  /** Returns what is wrong, and takes what is found for what holds from now on. */
  check(groups: GroupsApi): string[] {
    const problems: string[] = [];
    for (const [key, possible] of this.#offsets) {
      const [group, topic, partition] = key.split(" ") as [string, string, string];
      const [found] = groups.committed(group, [{ topic, partition: Number(partition) }]);
      const offset = found?.committed?.offset;
      if (!possible.includes(offset)) problems.push(`${key} is ${offset}, promised ${possible.join(" or ")}`);
      this.#offsets.set(key, [offset]);
    }
    return [...problems, ...this.#checkMembers(groups)];
  }

  #checkMembers(groups: GroupsApi): string[] {
    const problems: string[] = [];
    const isThere = groups.list().some(({ group }) => group === "g");
    const found = isThere ? groups.describe("g").members : [];
    const owners = new Map<string, string>();
    for (const { memberId, assigned } of found) {
      for (const { topic, partition } of assigned) {
        const place = `${topic}-${partition}`;
        if (owners.has(place)) problems.push(`${place} is of ${owners.get(place)} and ${memberId}`);
        owners.set(place, memberId);
      }
    }
    for (const [memberId, { state, member }] of this.members) {
      const stored = found.find((other) => other.memberId === memberId);
      if (state === "out" && stored !== undefined) problems.push(`${memberId} had left`);
      if (state !== "in" || member === undefined) continue;
      if (stored === undefined) problems.push(`${memberId} is gone`);
      else if (stored.memberEpoch < member.epoch) {
        problems.push(`${memberId} is in epoch ${stored.memberEpoch} and was told ${member.epoch}`);
      }
      for (const place of member.partitions.keys()) {
        if (owners.get(place) !== memberId)
          problems.push(`${memberId} had ${place}, now ${owners.get(place)}`);
      }
    }
    return problems;
  }
}

function keyOf(group: string, { topic, partition }: TopicPartition): string {
  return `${group} ${topic} ${partition}`;
}
