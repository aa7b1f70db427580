import type { LiveGroup } from "./live-group.ts";
import type { GroupSubscription, MemberSession, TopicPartition } from "./types.ts";

/** A member of a group with its stream open. */
export class MemberSeat implements MemberSession {
  readonly memberId: string;
  readonly #group: LiveGroup;
  readonly #session: number;

  constructor(group: LiveGroup, memberId: string, session: number) {
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
