/**
 * Shares partitions as evenly as subscriptions allow, and moves as few as it can: what a member has stays, what nobody
 * has goes to the least loaded, and then single partitions move from the most loaded members to less loaded ones until
 * no move makes it more even. With equal subscriptions the loads differ by at most 1 in the end, and no sharing with
 * these loads keeps more partitions where they were.
 */
import type { AssignmentProblem, SharedTopic } from "./assignor.ts";

/** See `Assignor`. */
export function assignUniformly(problem: AssignmentProblem): number[][] {
  const sharing = new Sharing(problem);
  sharing.handOut();
  sharing.level();
  return sharing.owners();
}

/** One step of a way on which load flows: a partition of the topic goes on from the member before. */
interface Step {
  readonly from: number;
  readonly topic: number;
}

class Sharing {
  readonly #topics: readonly SharedTopic[];
  /** Partitions that each member has, by topic. */
  readonly #held: Map<number, number[]>[];
  readonly #loads: number[];
  /** Partitions of each topic that nobody has. */
  readonly #free: number[][];

  constructor({ memberCount, topics }: AssignmentProblem) {
    this.#topics = topics;
    this.#held = Array.from({ length: memberCount }, () => new Map<number, number[]>());
    this.#loads = Array<number>(memberCount).fill(0);
    this.#free = topics.map(({ subscribers, owners }, topic) => {
      const eligible = new Set(subscribers);
      const free: number[] = [];
      for (const [partition, owner] of owners.entries()) {
        if (owner !== undefined && eligible.has(owner)) this.#give(topic, partition, owner);
        else free.push(partition);
      }
      return free;
    });
  }

  /** Gives what nobody has to the subscriber with the least load, topics with the smallest choice first. */
  handOut(): void {
    const choiceOf = (topic: number) => this.#topics[topic]!.subscribers.length;
    const order = [...this.#topics.keys()].sort((one, other) => choiceOf(one) - choiceOf(other));
    for (const topic of order) {
      for (const partition of this.#free[topic]!) {
        this.#give(topic, partition, this.#leastLoaded(this.#topics[topic]!.subscribers));
      }
    }
  }

  /**
   * Evens the loads out. A way may lead over several members, each of which passes on a partition of another topic. A
   * member from which no way leads to one with at least two partitions less is done for good: whatever moves later ends
   * at the least loaded within reach, so nothing that this member reaches falls below.
   */
  level(): void {
    const open = new Set(this.#held.keys());
    for (;;) {
      let most: number | undefined;
      for (const member of open) {
        if (most === undefined || this.#loads[member]! > this.#loads[most]!) most = member;
      }
      if (most === undefined) return;
      if (!this.#relieve(most)) open.delete(most);
    }
  }

  /** Who has each partition now. */
  owners(): number[][] {
    const owners = this.#topics.map((topic) => Array<number>(topic.owners.length));
    for (const [member, topics] of this.#held.entries()) {
      for (const [topic, partitions] of topics) {
        for (const partition of partitions) owners[topic]![partition] = member;
      }
    }
    return owners;
  }

  /** Sends one partition of load to the least loaded member within reach, the nearest of them; false if none is due. */
  #relieve(source: number): boolean {
    const floor = Math.min(...this.#loads);
    if (this.#loads[source]! - floor < 2) return false;
    const steps = new Map<number, Step>();
    const seen = new Set<number>();
    const queue = [source];
    let best = source;
    for (let head = 0; head < queue.length && this.#loads[best]! > floor; head++) {
      const from = queue[head]!;
      for (const topic of this.#held[from]!.keys()) {
        if (seen.has(topic)) continue;
        seen.add(topic);
        for (const member of this.#topics[topic]!.subscribers) {
          if (member === source || steps.has(member)) continue;
          steps.set(member, { from, topic });
          queue.push(member);
          if (this.#loads[member]! < this.#loads[best]!) best = member;
        }
      }
    }
    if (this.#loads[source]! - this.#loads[best]! < 2) return false;
    for (let to = best; to !== source; to = steps.get(to)!.from) {
      const { from, topic } = steps.get(to)!;
      this.#give(topic, this.#take(topic, from, to), to);
    }
    return true;
  }

  /** The partition whose move costs least: one that was the receiver's before, one that was not the giver's, any. */
  #take(topic: number, from: number, to: number): number {
    const { owners } = this.#topics[topic]!;
    const partitions = this.#held[from]!.get(topic)!;
    let place = partitions.findLastIndex((partition) => owners[partition] === to);
    if (place < 0) place = partitions.findLastIndex((partition) => owners[partition] !== from);
    if (place < 0) place = partitions.length - 1;
    const [partition] = partitions.splice(place, 1);
    if (partitions.length === 0) this.#held[from]!.delete(topic);
    this.#loads[from]!--;
    return partition!;
  }

  #give(topic: number, partition: number, member: number): void {
    const partitions = this.#held[member]!.get(topic);
    if (partitions === undefined) this.#held[member]!.set(topic, [partition]);
    else partitions.push(partition);
    this.#loads[member]!++;
  }

  #leastLoaded(members: readonly number[]): number {
    let least = members[0]!;
    for (const member of members) {
      if (this.#loads[member]! < this.#loads[least]!) least = member;
    }
    return least;
  }
}
