import type { Group } from "../machine/group.ts";
import type { GroupSubscription, MemberSession, TopicPartition } from "../types.ts";

/** The group that a member is in, as its seat needs it. */
export interface SeatedGroup {
  /** An event of a session whose stream is open; after its end nothing happens. */
  event(session: number, happen: (machine: Group, nowMs: number) => void): void;
  /** The last event of a session: its sink hears nothing more. */
  lastEvent(session: number, happen: (machine: Group, nowMs: number) => void): void;
  /** Resolves when all that happened up to now is durable. */
  stored(): Promise<void>;
}

/** A member of a group with its stream open. */
export class MemberSeat implements MemberSession {
  readonly memberId: string;
  readonly #group: SeatedGroup;
  readonly #session: number;

  constructor(group: SeatedGroup, memberId: string, session: number) {
    this.#group = group;
    this.memberId = memberId;
    this.#session = session;
  }

  release(partitions: readonly TopicPartition[]): void {
    this.#group.event(this.#session, (machine) => machine.release(this.#session, partitions));
  }

  subscribe(subscription: GroupSubscription): void {
    this.#group.event(this.#session, (machine) => machine.subscribe(this.#session, subscription));
  }

  paused(partitions: readonly TopicPartition[]): void {
    this.#group.event(this.#session, (machine) => machine.paused(this.#session, partitions));
  }

  async leave(): Promise<void> {
    this.#group.lastEvent(this.#session, (machine) => machine.leave(this.#session));
    await this.#group.stored();
  }

  disconnected(): void {
    this.#group.lastEvent(this.#session, (machine, nowMs) => machine.disconnected(this.#session, nowMs));
  }
}
