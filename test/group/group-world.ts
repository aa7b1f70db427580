/**
 * A group with programs that join it over streams which delay and break, and a coordinator that stores before it tells
 * and may be killed in between. After every step it is checked what must always hold.
 */
import { expect } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { Group } from "../../src/group/machine/group.ts";
import type { GroupChanges, StoredGroupState } from "../../src/group/machine/group-changes.ts";
import type { GroupOptions } from "../../src/group/machine/group-state.ts";
import type { AssignorName, GroupSubscription, MemberDescription } from "../../src/group/index.ts";
import { nameOf, partitionOf, REBALANCE_MS, SESSION_MS, TestCatalogue } from "./group-rig.ts";
import { Program, type Stream } from "./group-program.ts";
import { StoredMembers } from "./stored-members.ts";

/** The largest numbers that steps choose from. */
export const SLOTS = 5;
export const SUBSCRIPTIONS: readonly GroupSubscription[] = [
  { topics: ["a", "b"], topicPattern: undefined },
  { topics: ["b", "a"], topicPattern: undefined },
  { topics: [], topicPattern: "a|b" },
  { topics: ["a"], topicPattern: undefined },
  { topics: ["b"], topicPattern: undefined },
];

export class World {
  readonly catalogue = new TestCatalogue();
  readonly #subscriptions: readonly GroupSubscription[];
  readonly #assignors: readonly (AssignorName | undefined)[];
  group: Group;
  nowMs = 0;
  /** All that ever ran; the newest of each slot is the one that steps speak of. */
  readonly programs: Program[] = [];
  readonly #slots: (Program | undefined)[] = Array(SLOTS).fill(undefined);
  /** By the sessions of the group that there is now. */
  readonly #streams = new Map<number, Stream>();
  readonly #unstored: { readonly changes: GroupChanges; readonly topicIds: Map<string, string> }[] = [];
  #storedState: StoredGroupState = { groupEpoch: 0, assignor: "uniform" };
  readonly #storedMembers = new StoredMembers();
  /** What will be stored once everything is. */
  #takenMembers = new StoredMembers();

  constructor(
    subscriptions: readonly GroupSubscription[],
    assignors: readonly (AssignorName | undefined)[] = [undefined],
  ) {
    this.#subscriptions = subscriptions;
    this.#assignors = assignors;
    this.catalogue.create("a", 3);
    this.catalogue.create("b", 2);
    this.group = new Group(this.#options());
  }

  slot(number: number): Program | undefined {
    return this.#slots[number];
  }

  /** A new program; one that runs in its place goes on as a ghost. The first two slots have instance ids. */
  start(number: number, choice: number): void {
    const program = new Program(
      {
        memberId: `m${this.programs.length}`,
        instanceId: number < 2 ? `static-${number}` : undefined,
        assignor: this.#assignors[choice % this.#assignors.length],
      },
      this.#subscriptions[choice % this.#subscriptions.length]!,
    );
    this.programs.push(program);
    this.#slots[number] = program;
    this.connect(program);
  }

  /** Joins, or comes back after the stream broke. What the group refuses is over for the program. */
  connect(program: Program): void {
    if (program.isOver || program.stream?.isOpenForMember) return;
    const before = program.stream;
    try {
      const session = this.group.join({
        group: "world",
        memberId: program.memberId,
        memberEpoch: program.epoch,
        owned: program.beliefs.map(([name]) => partitionOf(name)),
        instanceId: program.instanceId,
        clientId: "test",
        subscription: program.subscription,
        assignor: program.assignor,
        sessionTimeoutMs: SESSION_MS,
        rebalanceTimeoutMs: REBALANCE_MS,
      });
      program.stream = { session, down: [], up: [], isOpenForMember: true, isOpenForGroup: true };
      // What it was to give up before, it hears again.
      for (const [name, topicId] of program.owes) program.has.set(name, topicId);
      program.owes.clear();
      this.#streams.set(session, program.stream);
      if (before !== undefined) before.isOpenForGroup = false;
    } catch (error) {
      expect(error).toBeInstanceOf(MillraceError);
      const allowed = ["UNKNOWN_MEMBER", "STALE_MEMBER_EPOCH", "MEMBER_FENCED"];
      expect(allowed).toContain((error as MillraceError).reason);
      program.end();
    }
  }

  /** The group notices that a stream is broken, which the program may not know. */
  sever(program: Program): void {
    const { stream } = program;
    if (!stream?.isOpenForGroup) return;
    stream.isOpenForGroup = false;
    this.group.disconnected(stream.session, this.nowMs);
  }

  leave(program: Program): void {
    const { stream } = program;
    if (!stream?.isOpenForMember || !stream.isOpenForGroup) return;
    this.group.leave(stream.session);
    program.end();
  }

  subscribe(program: Program, choice: number): void {
    const { stream } = program;
    if (!stream?.isOpenForMember) return;
    const wanted = this.#subscriptions[choice % this.#subscriptions.length]!;
    program.subscription = wanted;
    stream.up.push((group) => group.subscribe(stream.session, wanted));
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.group.tick(this.nowMs);
  }

  /** The topic is created, grows, is deleted or is created anew; the group is told. */
  changeTopic(name: string, choice: number): void {
    this.#changeCatalogue(name, choice);
    this.group.topicsChanged();
  }

  #changeCatalogue(name: string, choice: number): void {
    const partitionCount = this.catalogue.topic(name)?.partitionCount;
    if (partitionCount === undefined || choice === 0) this.catalogue.create(name, 1 + choice);
    else if (choice === 1) this.catalogue.delete(name);
    else this.catalogue.grow(name, Math.min(6, partitionCount + choice - 1));
  }

  #options(): GroupOptions {
    const subscriptionMeter = { bytes: 0, bytesMax: 1_048_576 };
    return { name: "world", catalogue: this.catalogue, subscriptionMeter };
  }

  /** Begins to store what came of the events. */
  take(): boolean {
    const before = this.group.members();
    const changes = this.group.takeChanges(this.nowMs);
    this.#expectLeastMovement(before);
    this.#takenMembers.put(changes);
    this.#expectAllTaken();
    const topicIds = new Map<string, string>();
    for (const { name, topicId, partitionCount } of this.catalogue.topics()) {
      for (let number = 0; number < partitionCount; number++) topicIds.set(`${name}-${number}`, topicId);
    }
    this.#unstored.push({ changes, topicIds });
    const { state, terms, assignments, removedMemberIds, notices } = changes;
    const parts = [terms, assignments, removedMemberIds, notices];
    return state !== undefined || parts.some(({ length }) => length > 0);
  }

  /** The oldest of what is being stored is durable: it is told. */
  store(): boolean {
    const next = this.#unstored.shift();
    if (next === undefined) return false;
    const { changes, topicIds } = next;
    this.#storedState = changes.state ?? this.#storedState;
    this.#storedMembers.put(changes);
    for (const notice of changes.notices) {
      const stream = this.#streams.get(notice.session);
      if (stream?.isOpenForGroup) stream.down.push({ notice, topicIds });
      if (stream !== undefined && "ended" in notice) stream.isOpenForGroup = false;
    }
    return true;
  }

  /**
   * The coordinator is killed: what was not stored never was. Streams are gone, which the programs notice later, and
   * sometimes a topic changes before there is a coordinator again.
   */
  crash(choice: number): void {
    if (choice > 1) this.#changeCatalogue("a", choice);

    this.#unstored.length = 0;
    this.#takenMembers = this.#storedMembers.copy();
    for (const stream of this.#streams.values()) stream.isOpenForGroup = false;
    this.#streams.clear();
    const stored = { ...this.#storedState, members: this.#storedMembers.all() };
    this.group = Group.restore(this.#options(), stored, this.nowMs);
  }

  /** What holds after every step. Plain comparisons: this runs far too often for `expect`. */
  check(): void {
    const owners = new Map<string, Program>();
    for (const program of this.#live()) {
      for (const [name, topicId] of program.beliefs) {
        const other = owners.get(`${name} ${topicId}`);
        if (other !== undefined) throw new Error(`${other.memberId} and ${program.memberId} have ${name}`);
        owners.set(`${name} ${topicId}`, program);
      }
    }
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0; // nearly all of these refusals are as they should be: nobody looks where they come from
    try {
      for (const program of this.programs) {
        if (!program.isOver) this.#checkCommits(program, owners);
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  /** Who believes to have a partition may commit, and then nobody else believes so. */
  #checkCommits(program: Program, owners: ReadonlyMap<string, Program>): void {
    const { memberId, epoch } = program;
    for (const { name, topicId, partitionCount } of this.catalogue.topics()) {
      for (let number = 0; number < partitionCount; number++) {
        const partition = { topic: name, partition: number };
        const refusal = this.group.mayCommit(memberId, epoch, partition);
        const believer = owners.get(`${name}-${number} ${topicId}`);
        if (believer === program && refusal !== undefined) throw refusal;
        if (refusal !== undefined) continue;
        const holder = this.group.holderOf(partition)?.memberId;
        if (holder !== memberId || (believer ?? program) !== program) {
          throw new Error(`${memberId} may commit ${name}-${number} of ${holder} and ${believer?.memberId}`);
        }
      }
    }
  }

  /** No events any more: broken streams are noticed, the living come back, and everything arrives. */
  settle(): void {
    for (const program of this.programs) {
      if (program.stream?.isOpenForGroup !== true && program.stream !== undefined) {
        program.stream.isOpenForMember = false;
      }
      if (!program.stream?.isOpenForMember) {
        this.sever(program);
        this.connect(program);
      }
    }
    this.#quiesce();
    this.pass(SESSION_MS);
    this.pass(REBALANCE_MS);
    this.#quiesce();
  }

  #quiesce(): void {
    for (let round = 0; round < 200; round++) {
      let isBusy = this.take();
      while (this.store());
      for (const program of this.programs) {
        while (program.hear()) isBusy = true;
        while (program.release(99)) isBusy = true;
        while (program.speak(this.group)) isBusy = true;
      }
      this.check();
      if (!isBusy) return;
    }
    throw new Error("the group does not come to rest");
  }

  /** What holds when nothing happens any more. */
  expectSettled(): void {
    const live = this.#live();
    const described = this.group.members();
    expect(described.map(({ memberId }) => memberId)).toEqual(live.map(({ memberId }) => memberId).sort());
    expect(this.group.state).toBe(live.length === 0 ? "empty" : "stable");
    for (const program of live) {
      const member = described.find(({ memberId }) => memberId === program.memberId)!;
      expect([program.epoch, member.memberEpoch]).toEqual([this.group.groupEpoch, this.group.groupEpoch]);
      expect([...program.has.keys()].sort()).toEqual(member.assigned.map(nameOf));
      expect(program.owes.size).toBe(0);
    }
    for (const { name, partitionCount } of this.catalogue.topics()) {
      const readers = live.filter(({ subscription }) => isMeant(subscription, name));
      for (let number = 0; number < partitionCount; number++) {
        const owners = live.filter(({ has }) => has.has(`${name}-${number}`));
        expect(owners).toHaveLength(readers.length === 0 ? 0 : 1);
        for (const owner of owners) expect(readers).toContain(owner);
      }
    }
    const isEqual = new Set(live.map(({ subscription }) => meaningOf(subscription))).size <= 1;
    if (isEqual && this.group.assignor === "uniform" && live.length > 0) {
      const loads = live.map(({ has }) => has.size);
      expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
    }
    const before = this.group.members();
    this.crash(0);
    expect(this.group.members()).toEqual(before.map((member) => ({ ...member, connected: false })));
    expect(this.take()).toBe(false);
  }

  /** Programs that are members: not fenced, not put out. In the order in which they were started. */
  #live(): Program[] {
    const members = new Set(this.group.members().map(({ memberId }) => memberId));
    return this.programs.filter(({ memberId, isOver }) => members.has(memberId) && !isOver);
  }

  /** What was taken is all there is: a restored group is as this one. */
  #expectAllTaken(): void {
    const idOf = (topic: string) => this.catalogue.topic(topic)?.topicId;
    const described = this.group
      .members()
      .map(({ memberId, memberEpoch, assigned, target, revoking }) => [
        memberId,
        memberEpoch,
        ...[assigned, target, revoking].map((all) => all.map((it) => `${nameOf(it)} ${idOf(it.topic)}`)),
      ]);
    const taken = this.#takenMembers
      .all()
      .map(({ memberId, memberEpoch, assigned, target }) => [
        memberId,
        memberEpoch,
        ...[assigned, target, assigned.filter(({ revoking }) => revoking)].map((all) =>
          all.map((it) => `${nameOf(it)} ${it.topicId}`),
        ),
      ]);
    taken.sort(([one], [other]) => (one! < other! ? -1 : 1));
    const [is, ought] = [JSON.stringify(taken), JSON.stringify(described)];
    if (is !== ought) throw new Error(`taken is ${is}, but the group is ${ought}`);
  }

  /** Among equal members nobody is to lose a partition that it may keep and to get another in one step. */
  #expectLeastMovement(before: readonly MemberDescription[]): void {
    const after = this.group.members();
    const isEqual = new Set(after.map(({ subscription }) => meaningOf(subscription))).size <= 1;
    if (!isEqual || this.group.assignor !== "uniform") return;
    for (const member of after) {
      const earlier = before.find(({ memberId }) => memberId === member.memberId);
      const had = new Set(earlier?.target.map(nameOf));
      const has = new Set(member.target.map(nameOf));
      const lost = [...had].filter(
        (name) => !has.has(name) && isMeant(member.subscription, partitionOf(name).topic),
      );
      const got = [...has].filter((name) => !had.has(name));
      if (lost.length * got.length > 0) throw new Error(`${member.memberId} loses ${lost} and gets ${got}`);
    }
  }
}

function meaningOf({ topics, topicPattern }: GroupSubscription): string {
  return ["a", "b"].filter((name) => isMeant({ topics, topicPattern }, name)).join();
}

function isMeant({ topics, topicPattern }: GroupSubscription, name: string): boolean {
  return topics.includes(name) || (topicPattern?.includes(name) ?? false);
}
