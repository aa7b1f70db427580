/**
 * Makes histories as a correct broker and correct members would leave them, with everything that real rounds have:
 * lost answers, members that are killed or stopped and hear late, a broker that is gone for a while.
 */
import { type Random, seededRandom } from "../../../../src/base/index.ts";
import type { HistoryEvent, Unwritten } from "./events.ts";

const PARTITIONS = ["a-0", "a-1", "b-0"];
const GROUPS = ["g", "h"];
const PRODUCERS = ["p", "q"];
const SESSION_TIMEOUT_MS = 1_000;
const MEMBERS_MAX = 3;
/** Out-of-order members work on so many records at once. */
const WORKERS = 4;

/** A place that a member reads. */
interface Reading {
  readonly epoch: number;
  position: number;
  /** Delivered beyond the position, by members that do not read in order. */
  readonly ahead: Set<number>;
}

/** What the broker has told a member and what the member has not heard yet. */
type Notice =
  | { readonly kind: "assigned"; readonly partition: string; readonly epoch: number; readonly start: number }
  | { readonly kind: "revoked"; readonly partition: string }
  | { readonly kind: "answer"; readonly answer: Unwritten }
  | { readonly kind: "session-over" };

interface Identity {
  readonly name: string;
  readonly group: string;
  readonly inOrder: boolean;
  readonly commitsByItself: boolean;
}

interface SimulatedMember extends Identity {
  readonly inbox: Notice[];
  readonly reading: Map<string, Reading>;
  state: "running" | "stopped" | "gone";
  /** When its session is over unless it is back by then. */
  sessionEndsAt: number;
  isInGroup: boolean;
}

/** What the broker knows of one partition of one group. */
interface Share {
  owner: SimulatedMember | undefined;
  epoch: number;
  committed: number;
  isRevoking: boolean;
}

/** A history of so many steps; the same for the same seed. */
export function simulateHistory(seed: number, steps: number): HistoryEvent[] {
  return new Simulation(seededRandom(seed)).run(steps);
}

class Simulation {
  readonly #random: Random;
  readonly #events: HistoryEvent[] = [];
  readonly #log = new Map<string, string[]>(PARTITIONS.map((partition) => [partition, []]));
  readonly #shares = new Map<string, Share>();
  readonly #counters = new Map<string, number>();
  #members: SimulatedMember[] = [];
  #names = 0;
  #commits = 0;
  #epoch = 0;
  #at = 1_000_000;
  #isBrokerUp = true;

  constructor(random: Random) {
    this.#random = random;
    for (const group of GROUPS) {
      for (const partition of PARTITIONS)
        this.#shares.set(`${group} ${partition}`, {
          owner: undefined,
          epoch: 0,
          committed: 0,
          isRevoking: false,
        });
    }
  }

  run(steps: number): HistoryEvent[] {
    for (let step = 0; step < steps; step++) {
      this.#at += 1 + Math.floor(this.#random.fraction() * 40_000);
      this.#endSessions();
      this.#act();
    }
    this.#drain();
    return this.#events;
  }

  #act(): void {
    if (!this.#isBrokerUp && this.#random.fraction() < 0.05) this.#startBroker();
    const dice = this.#random.fraction() * 100;
    if (dice < 20) this.#produce();
    else if (dice < 40) this.#withRunning((member) => this.#poll(member));
    else if (dice < 55) this.#withRunning((member) => this.#commit(member));
    else if (dice < 75) this.#withRunning((member) => this.#hear(member));
    else if (dice < 88) this.#assign();
    else if (dice < 89) this.#observe();
    else if (dice < 90) this.#withRunning((member) => this.#seekBack(member));
    else this.#disturb();
  }

  #disturb(): void {
    const dice = this.#random.fraction() * 10;
    if (dice < 3) this.#join();
    else if (dice < 4) this.#withRunning((member) => this.#kill(member));
    else if (dice < 5) this.#withRunning((member) => this.#leave(member));
    else if (dice < 7) this.#withRunning((member) => this.#stop(member));
    else if (dice < 9) this.#continueOne();
    else if (this.#isBrokerUp) this.#killBroker();
  }

  #write(...events: readonly Unwritten[]): void {
    for (const event of events) this.#events.push({ at: this.#at, ...event } as HistoryEvent);
  }

  #one<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random.fraction() * list.length)]!;
  }

  #withRunning(act: (member: SimulatedMember) => void): void {
    const running = this.#members.filter(({ state }) => state === "running");
    if (running.length > 0) act(this.#one(running));
  }

  #share(group: string, partition: string): Share {
    return this.#shares.get(`${group} ${partition}`)!;
  }

  #produce(): void {
    const partition = this.#one(PARTITIONS);
    const producer = this.#one(PRODUCERS);
    const counter = this.#counters.get(producer) ?? 0;
    this.#counters.set(producer, counter + 1);
    const value = `${producer}:${counter}`;
    this.#write({ kind: "sent", partition, value });
    if (!this.#isBrokerUp) return;
    const offset = this.#log.get(partition)!.push(value) - 1;
    if (this.#random.fraction() < 0.9) this.#write({ kind: "acknowledged", partition, offset, value });
  }

  #join(): void {
    const group = this.#one(GROUPS);
    if (this.#members.filter((member) => member.group === group && member.isInGroup).length >= MEMBERS_MAX)
      return;
    const name = `m${this.#names++}`;
    const inOrder = this.#random.fraction() < 0.7;
    const commitsByItself = this.#random.fraction() < 0.3;
    const member: SimulatedMember = {
      name,
      group,
      inOrder,
      commitsByItself,
      inbox: [],
      reading: new Map(),
      state: "running",
      sessionEndsAt: Number.POSITIVE_INFINITY,
      isInGroup: true,
    };
    this.#members.push(member);
    this.#joined(member);
  }

  #joined({ name: member, group, inOrder, commitsByItself }: Identity): void {
    const sessionTimeoutMs = SESSION_TIMEOUT_MS;
    this.#write({ kind: "joined", member, group, sessionTimeoutMs, inOrder, commitsByItself });
  }

  /** Gives a partition to a member, or asks its owner to give it up. */
  #assign(): void {
    if (!this.#isBrokerUp) return;
    const group = this.#one(GROUPS);
    const partition = this.#one(PARTITIONS);
    const share = this.#share(group, partition);
    const members = this.#members.filter((member) => member.group === group && member.isInGroup);
    if (share.owner !== undefined) {
      if (share.isRevoking || members.length < 2 || this.#random.fraction() < 0.5) return;
      share.isRevoking = true;
      share.owner.inbox.push({ kind: "revoked", partition });
    } else if (members.length > 0) {
      share.owner = this.#one(members);
      share.epoch = ++this.#epoch;
      share.owner.inbox.push({ kind: "assigned", partition, epoch: share.epoch, start: share.committed });
    }
  }

  #hear(member: SimulatedMember): void {
    const notice = member.inbox.shift();
    if (notice === undefined) return;
    const { name, reading } = member;
    if (notice.kind === "assigned") {
      const { partition, epoch, start } = notice;
      reading.set(partition, { epoch, position: start, ahead: new Set() });
      this.#write({ kind: "assigned", member: name, partition, epoch, start });
    } else if (notice.kind === "revoked") {
      this.#release(member, notice.partition);
    } else if (notice.kind === "answer") {
      this.#write(notice.answer);
    } else {
      for (const partition of reading.keys()) this.#write({ kind: "lost", member: name, partition });
      reading.clear();
      member.isInGroup = true;
    }
  }

  #release(member: SimulatedMember, partition: string): void {
    const wasReading = member.reading.get(partition);
    if (wasReading === undefined) return;
    this.#write({ kind: "released", member: member.name, partition });
    member.reading.delete(partition);
    const share = this.#share(member.group, partition);
    if (share.owner !== member || share.epoch !== wasReading.epoch) return;
    share.owner = undefined;
    share.isRevoking = false;
  }

  #poll(member: SimulatedMember): void {
    if (member.reading.size === 0) return;
    const [partition, reading] = this.#one([...member.reading]);
    const log = this.#log.get(partition)!;
    const end = member.inOrder ? log.length : Math.min(log.length, reading.position + WORKERS);
    let offset = reading.position;
    if (!member.inOrder) {
      offset += Math.floor(this.#random.fraction() * WORKERS);
      if (reading.ahead.has(offset)) return;
    }
    if (offset >= end) return;
    const count = member.inOrder ? 1 + Math.floor(this.#random.fraction() * (end - offset)) : 1;
    const values = log.slice(offset, offset + count);
    this.#write({ kind: "polled", member: member.name, partition, offset, values });
    if (member.inOrder) reading.position = offset + count;
    else reading.ahead.add(offset);
    while (reading.ahead.delete(reading.position)) reading.position++;
  }

  #seekBack(member: SimulatedMember): void {
    if (member.reading.size === 0 || !member.inOrder) return;
    const [partition, reading] = this.#one([...member.reading]);
    reading.position = Math.max(0, reading.position - 2);
    this.#write({ kind: "sought", member: member.name, partition, offset: reading.position });
  }

  #commit(member: SimulatedMember): void {
    if (member.reading.size === 0) return;
    const [partition, { epoch, position }] = this.#one([...member.reading]);
    const { name, group } = member;
    const commit = this.#commits++;
    const withEpoch = this.#random.fraction() < 0.5 ? { epoch } : {};
    const isSilent = member.commitsByItself && this.#random.fraction() < 0.5;
    const isRewind = !isSilent && this.#random.fraction() < 0.02;
    const rewind = isRewind ? ({ rewind: true } as const) : {};
    const sent = { kind: "commit-sent", member: name, commit, partition, offset: position } as const;
    if (!isSilent) this.#write({ ...sent, ...withEpoch, ...rewind });
    if (!this.#isBrokerUp) return;
    const share = this.#share(group, partition);
    const answer = { kind: "commit-answered", member: name, commit, partition } as const;
    const tell = (answer: Unwritten) => void (isSilent || member.inbox.push({ kind: "answer", answer }));
    if (share.owner !== member || share.epoch !== epoch) {
      tell({ ...answer, reason: "STALE_MEMBER_EPOCH" });
      return;
    }
    share.committed = isRewind ? position : Math.max(share.committed, position);
    if (this.#random.fraction() < 0.9) tell({ ...answer, offset: share.committed });
  }

  #observe(): void {
    if (!this.#isBrokerUp) return;
    const askedAt = ++this.#at;
    const read = [...this.#shares].map(([key, { committed }]) => {
      const [group, partition] = key.split(" ") as [string, string];
      const offset = committed === 0 ? {} : { offset: committed };
      return { kind: "observed", group, partition, askedAt, ...offset } as const;
    });
    this.#at += 500;
    this.#write(...read);
  }

  #kill(member: SimulatedMember): void {
    this.#write({ kind: "killed", member: member.name });
    member.state = "gone";
    member.sessionEndsAt = this.#at + SESSION_TIMEOUT_MS * 1_000;
  }

  #leave(member: SimulatedMember): void {
    for (const partition of [...member.reading.keys()]) this.#release(member, partition);
    this.#write({ kind: "left", member: member.name });
    member.state = "gone";
    this.#endSession(member);
  }

  #stop(member: SimulatedMember): void {
    this.#write({ kind: "stopped", member: member.name });
    member.state = "stopped";
    member.sessionEndsAt = this.#at + SESSION_TIMEOUT_MS * 1_000;
  }

  #continueOne(): void {
    const stopped = this.#members.filter(({ state }) => state === "stopped");
    if (stopped.length > 0) this.#continue(this.#one(stopped));
  }

  #continue(member: SimulatedMember): void {
    this.#write({ kind: "continued", member: member.name });
    member.state = "running";
    member.sessionEndsAt = Number.POSITIVE_INFINITY;
  }

  #endSessions(): void {
    if (!this.#isBrokerUp) return;
    for (const member of this.#members)
      if (member.sessionEndsAt <= this.#at && member.isInGroup) this.#endSession(member);
  }

  #endSession(member: SimulatedMember): void {
    member.isInGroup = false;
    member.sessionEndsAt = Number.POSITIVE_INFINITY;
    member.inbox.push({ kind: "session-over" });
    for (const share of this.#shares.values()) {
      if (share.owner !== member) continue;
      share.owner = undefined;
      share.isRevoking = false;
    }
  }

  #killBroker(): void {
    this.#write({ kind: "broker-killed" });
    this.#isBrokerUp = false;
  }

  /** Some members do not find back in time. */
  #startBroker(): void {
    this.#write({ kind: "broker-started" });
    this.#isBrokerUp = true;
    for (const member of this.#members) {
      if (!member.isInGroup || member.sessionEndsAt !== Number.POSITIVE_INFINITY) continue;
      if (this.#random.fraction() < 0.2) member.sessionEndsAt = this.#at + SESSION_TIMEOUT_MS * 1_000;
    }
  }

  /** Everybody goes on, everything is read and committed. */
  #drain(): void {
    if (!this.#isBrokerUp) this.#startBroker();
    for (const member of this.#members) if (member.state === "stopped") this.#continue(member);
    this.#at += 2_000_000;
    this.#endSessions();
    for (const member of this.#members)
      while (member.state === "running" && member.inbox.length > 0) this.#hear(member);
    for (const group of GROUPS) this.#drainGroup(group);
    this.#observe();
    for (const [partition, values] of this.#log) {
      const middle = Math.floor(values.length / 2);
      this.#write({ kind: "stored", partition, offset: 0, values: values.slice(0, middle) });
      this.#write({ kind: "stored", partition, offset: middle, values: values.slice(middle) });
    }
  }

  #drainGroup(group: string): void {
    for (const member of this.#members)
      if (member.group === group && member.state === "running") this.#leave(member);
    this.#at += 2_000_000;
    this.#endSessions();
    const name = `last-${group}`;
    this.#joined({ name, group, inOrder: true, commitsByItself: false });
    for (const partition of PARTITIONS) {
      const share = this.#share(group, partition);
      const log = this.#log.get(partition)!;
      const start = share.committed;
      this.#at++;
      this.#write({ kind: "assigned", member: name, partition, epoch: ++this.#epoch, start });
      if (start < log.length)
        this.#write({ kind: "polled", member: name, partition, offset: start, values: log.slice(start) });
      const commit = this.#commits++;
      this.#write({ kind: "commit-sent", member: name, commit, partition, offset: log.length });
      this.#at++;
      this.#write({ kind: "commit-answered", member: name, commit, partition, offset: log.length });
      share.committed = log.length;
    }
  }
}
