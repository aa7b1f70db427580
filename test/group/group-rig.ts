/** A group with its catalogue, what was stored of it, and members that hear what it says. */
import type { MillraceError } from "../../src/errors/index.ts";
import { Group } from "../../src/group/machine/group.ts";
import type {
  GroupChanges,
  MemberChange,
  MemberNotice,
  StoredGroupState,
} from "../../src/group/machine/group-changes.ts";
import type { SubscriptionMeter } from "../../src/group/machine/subscriptions.ts";
import { StoredMembers } from "./stored-members.ts";
import type { CatalogueTopic, JoinCommand, TopicPartition } from "../../src/group/index.ts";

export const SESSION_MS = 10_000;
export const REBALANCE_MS = 60_000;

/** What is taken when nothing happened. */
export const UNCHANGED: GroupChanges = {
  state: undefined,
  terms: [],
  assignments: [],
  removedMemberIds: [],
  notices: [],
};

/** "orders-0" for partition 0 of orders. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** The other way round. */
export function partitionOf(name: string): TopicPartition {
  const hyphen = name.lastIndexOf("-");
  return { topic: name.slice(0, hyphen), partition: Number(name.slice(hyphen + 1)) };
}

/** Topics as a broker would have them. */
export class TestCatalogue {
  readonly #topics = new Map<string, CatalogueTopic>();
  #created = 0;

  topics(): Iterable<CatalogueTopic> {
    return this.#topics.values();
  }

  topic(name: string): CatalogueTopic | undefined {
    return this.#topics.get(name);
  }

  /** A new topic, instead of one that has the name. */
  create(name: string, partitionCount: number): void {
    this.#topics.set(name, { name, topicId: `id-${++this.#created}`, partitionCount });
  }

  grow(name: string, partitionCount: number): void {
    this.#topics.set(name, { ...this.#topics.get(name)!, partitionCount });
  }

  delete(name: string): void {
    this.#topics.delete(name);
  }
}

/** How a member joins, if not as most. */
export interface JoinOptions extends Partial<Omit<JoinCommand, "owned" | "subscription">> {
  readonly topics?: readonly string[];
  readonly topicPattern?: string;
  readonly owned?: readonly string[];
}

/** One stream of a member, with what came on it. */
export class TestStream {
  readonly memberId: string;
  readonly session: number;
  readonly changes: MemberChange[] = [];
  /** What the member has, by names; what it was told to give up is not in it. */
  readonly has: Set<string>;
  /** What it was told to give up and has not released. */
  readonly owes = new Set<string>();
  ended: MillraceError | undefined;

  constructor(memberId: string, session: number, has: Iterable<string> = []) {
    this.memberId = memberId;
    this.session = session;
    this.has = new Set(has);
  }

  get epoch(): number {
    return this.changes.at(-1)?.memberEpoch ?? 0;
  }

  /** What it has, in order. */
  get partitions(): string[] {
    return [...this.has].sort();
  }

  hear(notice: MemberNotice): void {
    if ("ended" in notice) {
      this.ended = notice.ended;
      return;
    }
    const { change } = notice;
    this.changes.push(change);
    for (const name of change.revoked.map(nameOf)) {
      this.has.delete(name);
      this.owes.add(name);
    }
    for (const name of change.assigned.map(nameOf)) this.has.add(name);
  }
}

export class GroupRig {
  readonly catalogue = new TestCatalogue();
  readonly #storedMembers = new StoredMembers();
  storedState: StoredGroupState | undefined;
  group: Group;
  nowMs = 1_000;
  readonly #membersMax: number;
  readonly #subscriptionMeter: SubscriptionMeter;
  readonly #streams = new Map<number, TestStream>();

  /** Topics by their numbers of partitions. */
  constructor(
    topics: Readonly<Record<string, number>> = {},
    membersMax = 1_000,
    subscriptionMeter: SubscriptionMeter = { bytes: 0, bytesMax: 1_048_576 },
  ) {
    for (const [name, count] of Object.entries(topics)) this.catalogue.create(name, count);
    this.#membersMax = membersMax;
    this.#subscriptionMeter = subscriptionMeter;
    this.group = new Group(this.#options());
  }

  /** Joins, and hears nothing before the next `take`. */
  join(memberId: string, options: JoinOptions = {}): TestStream {
    const { topics, topicPattern, owned = [], ...others } = options;
    const named = topics ?? (topicPattern === undefined ? ["orders"] : []);
    const session = this.group.join({
      group: "readers",
      memberId,
      memberEpoch: 0,
      instanceId: undefined,
      clientId: "test",
      assignor: undefined,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      ...others,
      owned: owned.map(partitionOf),
      subscription: { topics: named, topicPattern },
    });
    const stream = new TestStream(memberId, session, owned);
    this.#streams.set(session, stream);
    return stream;
  }

  /** Joins and settles with all others. */
  joined(memberId: string, options: JoinOptions = {}): TestStream {
    const stream = this.join(memberId, options);
    this.settle();
    return stream;
  }

  /** Comes back on a new stream with what the member had on the one before. */
  back(stream: TestStream, options: JoinOptions = {}): TestStream {
    const owned = [...stream.has, ...stream.owes];
    return this.join(stream.memberId, { memberEpoch: stream.epoch, owned, ...options });
  }

  /** Stores and tells what came of the events. */
  take(): GroupChanges {
    const changes = this.group.takeChanges(this.nowMs);
    this.storedState = changes.state ?? this.storedState;
    this.#storedMembers.put(changes);
    for (const notice of changes.notices) this.#streams.get(notice.session)?.hear(notice);
    return changes;
  }

  release(stream: TestStream, names: Iterable<string> = stream.owes): void {
    const released = [...names];
    for (const name of released) {
      stream.has.delete(name);
      stream.owes.delete(name);
    }
    this.group.release(stream.session, released.map(partitionOf));
  }

  disconnect(stream: TestStream): void {
    this.group.disconnected(stream.session, this.nowMs);
  }

  /** Tells everything, and lets all members release what they have to, until nothing more happens. */
  settle(): void {
    for (let round = 0; round < 1_000; round++) {
      const { notices } = this.take();
      const debtors = [...this.#streams.values()].filter(({ owes, ended }) => owes.size > 0 && !ended);
      for (const stream of debtors) this.release(stream);
      if (notices.length === 0 && debtors.length === 0) return;
    }
    throw new Error("the group does not settle");
  }

  /** Time goes by, and the coordinator looks what that means. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.group.tick(this.nowMs);
  }

  /** The coordinator is killed and comes back with what was stored; all streams are gone. */
  crash(): void {
    this.#streams.clear();
    const members = this.#storedMembers.all();
    const state = this.storedState ?? { groupEpoch: 0, assignor: "uniform" };
    this.group = Group.restore(this.#options(), { ...state, members }, this.nowMs);
  }

  /** Reason of the refusal of a commit; undefined if it is accepted. */
  refusal(memberId: string, memberEpoch: number, name: string): string | undefined {
    return this.group.mayCommit(memberId, memberEpoch, partitionOf(name))?.reason;
  }

  #options() {
    return {
      name: "readers",
      catalogue: this.catalogue,
      membersMax: this.#membersMax,
      subscriptionMeter: this.#subscriptionMeter,
    };
  }
}
