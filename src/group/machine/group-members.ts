import type { Member } from "./member.ts";

/** The members of a group, by all that they are found by. */
export class GroupMembers {
  readonly #byId = new Map<string, Member>();
  readonly #byInstanceId = new Map<string, Member>();
  readonly #byReplacedId = new Map<string, Member>();
  readonly #bySession = new Map<number, Member>();
  #sessions = 0;

  get size(): number {
    return this.#byId.size;
  }

  /** In the order in which they joined. */
  all(): IterableIterator<Member> {
    return this.#byId.values();
  }

  /** By their instance ids, or else their ids, so that a restart of a static member moves nobody in a range. */
  inOrder(): Member[] {
    return [...this.all()].sort((one, other) =>
      (one.instanceId ?? one.id) < (other.instanceId ?? other.id) ? -1 : 1,
    );
  }

  byId(id: string): Member | undefined {
    return this.#byId.get(id);
  }

  byInstanceId(instanceId: string): Member | undefined {
    return this.#byInstanceId.get(instanceId);
  }

  /** Who took the place of a member. */
  byReplacedId(id: string): Member | undefined {
    return this.#byReplacedId.get(id);
  }

  bySession(session: number): Member | undefined {
    return this.#bySession.get(session);
  }

  add(member: Member): void {
    this.#byId.set(member.id, member);
    if (member.instanceId !== undefined) this.#byInstanceId.set(member.instanceId, member);
    if (member.replacedId !== undefined) this.#byReplacedId.set(member.replacedId, member);
  }

  remove(member: Member): void {
    this.detach(member);
    this.#byId.delete(member.id);
    if (member.instanceId !== undefined) this.#byInstanceId.delete(member.instanceId);
    const { replacedId } = member;
    if (replacedId !== undefined && this.byReplacedId(replacedId) === member) {
      this.#byReplacedId.delete(replacedId);
    }
  }

  /** Begins a session of the member, who must have none. */
  attach(member: Member): number {
    const session = ++this.#sessions;
    member.session = session;
    member.sessionDeadlineMs = undefined;
    member.isNew = true;
    this.#bySession.set(session, member);
    return session;
  }

  /** Ends the member's session, if it has one, and returns it. */
  detach(member: Member): number | undefined {
    const { session } = member;
    if (session !== undefined) this.#bySession.delete(session);
    member.session = undefined;
    member.departed.clear();
    return session;
  }
}
