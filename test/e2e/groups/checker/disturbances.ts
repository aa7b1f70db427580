/** When a member may have been out of the broker's sight, so that its session could end without its knowledge. */
import type { HistoryEvent, Joined } from "./events.ts";

/** A time in which member and broker could not talk, microseconds; Infinity: until the end. */
export interface Disturbance {
  readonly from: number;
  readonly to: number;
}

/** How long after a disturbance a member may take to be back with the broker, or to learn that its session is over. */
export const GRACE_US = 10_000_000;
/** Timers may fire so much early. */
export const TIMER_SLACK_US = 50_000;

/** The disturbances of a history, those of the broker and those of single members. */
export class Disturbances {
  readonly #broker: Disturbance[] = [];
  readonly #members = new Map<string, Disturbance[]>();
  /** By group and instance id, in the order they joined. */
  readonly #instances = new Map<string, Joined[]>();
  readonly #connected = new Map<string, number[]>();
  readonly #beginnings = new Map<string, number>();

  constructor(events: readonly HistoryEvent[]) {
    for (const event of events) this.#add(event);
    for (const [name, from] of this.#beginnings) this.#of(name).push({ from, to: Number.POSITIVE_INFINITY });
  }

  /** All that concern a member, in no order. */
  of(member: string): readonly Disturbance[] {
    return [...this.#broker, ...this.#of(member)];
  }

  /** Whether the session of a member can have been over at a time: by its timeout, or as another took its place. */
  mayHaveEndedSession(
    { member, group, instance, at: joinedAt, sessionTimeoutMs }: Joined,
    at: number,
  ): boolean {
    const successors = instance === undefined ? [] : (this.#instances.get(`${group} ${instance}`) ?? []);
    if (successors.some((successor) => successor.at > joinedAt && successor.at <= at)) return true;
    const timeout = sessionTimeoutMs * 1_000 - TIMER_SLACK_US;
    const connectedAt = this.#lastConnected(member, at);
    return this.of(member).some(
      ({ from, to }) => from + timeout <= at && at <= to + GRACE_US && to >= connectedAt,
    );
  }

  /** Whether anything disturbed the member between two times. */
  touch(member: string, from: number, to: number): boolean {
    return this.of(member).some((disturbance) => disturbance.from <= to && disturbance.to >= from);
  }

  /** The longest stretch between two times in which nothing disturbed the member. */
  longestCalm(member: string, from: number, to: number): number {
    let calm = 0;
    let reached = from;
    const inOrder = this.of(member).toSorted((a, b) => a.from - b.from);
    for (const disturbance of inOrder) {
      if (disturbance.from > to) break;
      calm = Math.max(calm, disturbance.from - reached);
      reached = Math.max(reached, disturbance.to);
    }
    return Math.max(calm, to - reached);
  }

  #add(event: HistoryEvent): void {
    switch (event.kind) {
      case "joined": {
        const key = `${event.group} ${event.instance}`;
        this.#instances.set(key, [...(this.#instances.get(key) ?? []), event]);
        break;
      }
      case "broker-killed":
        this.#broker.push({ from: event.at, to: Number.POSITIVE_INFINITY });
        break;
      case "broker-started": {
        const last = this.#broker.pop();
        if (last !== undefined) this.#broker.push({ from: last.from, to: event.at });
        break;
      }
      case "connected":
        this.#connected.set(event.member, [...(this.#connected.get(event.member) ?? []), event.askedAt]);
        break;
      case "disconnected": {
        // It learned this some time after the broker did.
        const from = Math.max(event.at - GRACE_US, this.#lastConnected(event.member, event.at));
        this.#of(event.member).push({ from, to: event.at });
        break;
      }
      case "killed":
      case "stopped":
        if (!this.#beginnings.has(event.member)) this.#beginnings.set(event.member, event.at);
        break;
      case "continued": {
        const from = this.#beginnings.get(event.member);
        if (from !== undefined) this.#of(event.member).push({ from, to: event.at });
        this.#beginnings.delete(event.member);
        break;
      }
    }
  }

  /** The last time before another when the broker is known to have had its stream; what came before is over then. */
  #lastConnected(member: string, before: number): number {
    const times = this.#connected.get(member) ?? [];
    return times.findLast((time) => time <= before) ?? Number.NEGATIVE_INFINITY;
  }

  #of(member: string): Disturbance[] {
    const found = this.#members.get(member) ?? [];
    this.#members.set(member, found);
    return found;
  }
}
