/**
 * Shares partitions as evenly as subscriptions allow, and moves as few as it can: what a member has stays, what nobody
 * has goes to the least loaded, and then single partitions move from the most loaded members to less loaded ones until
 * no move makes it more even. With equal subscriptions the loads differ by at most 1 in the end, and no sharing with
 * these loads keeps more partitions where they were. The search for such moves is bounded: with subscriptions so unlike
 * and so many that it is not over by then, the sharing is as even as it got.
 */
import type { AssignmentProblem, SharedTopic } from "./assignor.ts";

/** Most looks at a topic or at one of its subscribers while it is made more even: some tenths of a second. */
const LOOKS_MAX = 20_000_000;

/** See `Assignor`. */
export function assignUniformly(problem: AssignmentProblem): number[][] {
  const sharing = new Sharing(problem);
  if (haveEqualSubscribers(problem)) sharing.trim();
  sharing.handOut();
  sharing.level();
  return sharing.owners();
}

/** One step of a way on which load flows: a partition of the topic goes on from the member before. */
interface Step {
  readonly from: number;
  readonly topic: number;
}

function haveEqualSubscribers({ topics: [first, ...rest] }: AssignmentProblem): boolean {
  const isEqual = ({ subscribers }: SharedTopic) =>
    subscribers.length === first!.subscribers.length &&
    subscribers.every((member, place) => member === first!.subscribers[place]);
  return first !== undefined && rest.every(isEqual);
}

class Sharing {
  readonly #topics: readonly SharedTopic[];
  /** Partitions that each member has, by topic. */
  readonly #held: Map<number, number[]>[];
  readonly #loads: number[];
  /** Partitions of each topic that nobody has. */
  readonly #free: number[][];
  /** Looks at topics and subscribers that levelling has taken. */
  #looks = 0;

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

  /**
   * Takes from each of equal subscribers what exceeds its share: one step instead of many moves. The larger shares, if
   * it does not come out even, are those of the members that have most.
   */
  trim(): void {
    const total = this.#topics.reduce((sum, { owners }) => sum + owners.length, 0);
    const { subscribers } = this.#topics[0]!;
    const [share, larger] = [Math.floor(total / subscribers.length), total % subscribers.length];
    const byLoad = [...subscribers].sort((one, other) => this.#loads[other]! - this.#loads[one]!);
    for (const [place, member] of byLoad.entries()) {
      const due = share + (place < larger ? 1 : 0);
      while (this.#loads[member]! > due) {
        const topic = this.#mostHeld(member);
        this.#free[topic]!.push(this.#take(topic, member));
      }
    }
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
   * at the least loaded within reach, so nothing that this member reaches falls below. All that it reaches are done with
   * it: the most loaded of those still open, it has as many partitions as they, and they reach no further.
   */
  level(): void {
    const open = new Set(this.#held.keys());
    while (this.#looks < LOOKS_MAX) {
      let most: number | undefined;
      for (const member of open) {
        if (most === undefined || this.#loads[member]! > this.#loads[most]!) most = member;
      }
      if (most === undefined) return;
      for (const member of this.#relieve(most)) open.delete(member);
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

  /**
   * Sends one partition of load to the least loaded member within reach, the nearest of them. Returns the members that
   * are done for good: none if one was sent, else all within reach.
   */
  #relieve(source: number): readonly number[] {
    const loads = this.#loads;
    const floor = loads.reduce((least, load) => Math.min(least, load));
    if (loads[source]! - floor < 2) return [source];
    const steps: (Step | undefined)[] = loads.map(() => undefined);
    const seen = this.#topics.map(() => false);
    const queue = [source];
    let best = source;
    for (let head = 0; head < queue.length && loads[best]! > floor; head++) {
      const from = queue[head]!;
      for (const topic of this.#held[from]!.keys()) {
        this.#looks++;
        if (seen[topic]) continue;
        seen[topic] = true;
        this.#looks += this.#topics[topic]!.subscribers.length;
        const step = { from, topic };
        for (const member of this.#topics[topic]!.subscribers) {
          if (member === source || steps[member] !== undefined) continue;
          steps[member] = step;
          queue.push(member);
          if (loads[member]! < loads[best]!) best = member;
        }
        if (loads[best] === floor) break;
      }
    }
    if (loads[source]! - loads[best]! < 2) return queue;
    for (let to = best; to !== source; to = steps[to]!.from) {
      const { from, topic } = steps[to]!;
      this.#give(topic, this.#take(topic, from, to), to);
    }
    return [];
  }

  /** The partition whose loss costs least: one that was the receiver's before, one that was not the giver's, any. */
  #take(topic: number, from: number, to?: number): number {
    const { owners } = this.#topics[topic]!;
    const partitions = this.#held[from]!.get(topic)!;
    let place = to === undefined ? -1 : partitions.findLastIndex((partition) => owners[partition] === to);
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

  /** The topic of which the member has most: taken from there, every topic stays spread over many. */
  #mostHeld(member: number): number {
    let most: number | undefined;
    const held = this.#held[member]!;
    for (const [topic, { length }] of held) {
      if (most === undefined || length > held.get(most)!.length) most = topic;
    }
    return most!;
  }

  #leastLoaded(members: readonly number[]): number {
    let least = members[0]!;
    for (const member of members) {
      if (this.#loads[member]! < this.#loads[least]!) least = member;
    }
    return least;
  }
}
