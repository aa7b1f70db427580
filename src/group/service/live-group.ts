import { MillraceError } from "../../errors/index.ts";
import { CommittedOffsets } from "../offsets/committed-offsets.ts";
import { Group } from "../machine/group.ts";
import type { MemberChange, MemberNotice } from "../machine/group-changes.ts";
import { GroupTimer } from "./group-timer.ts";
import type { LogAppender } from "../storage/log-appender.ts";
import type { LiveGroupParts, RestoredGroup } from "./live-group-parts.ts";
import { MemberSeat, type SeatedGroup } from "./member-seat.ts";
import { StateStore } from "../storage/state-store.ts";
import type {
  AssignmentChange,
  CommitCommand,
  JoinCommand,
  MemberSession,
  MemberSink,
  OffsetCommit,
} from "../types.ts";

interface Waiting {
  /** The session that is not told yet, of a join. */
  readonly session: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: MillraceError) => void;
}

/**
 * One group in service: its state machine, its committed offsets and the sinks of its members. Events reach the machine
 * as they come; what comes of them is stored, and told only then. While a store is in flight events gather, and the
 * next one holds what came of all of them.
 */
export class LiveGroup implements SeatedGroup {
  readonly name: string;
  readonly appender: LogAppender;
  readonly offsets: CommittedOffsets;
  /** Calls that are under way; the coordinator counts them. */
  users = 0;
  /** Also for those who look at the group. */
  readonly machine: Group;
  readonly #parts: LiveGroupParts;
  readonly #store: StateStore;
  readonly #timer: GroupTimer;
  readonly #sinks = new Map<number, MemberSink>();
  #waiting: Waiting[] = [];
  /** Members as they were counted last. */
  #members = 0;
  #isDue = false;
  #isStoring = false;
  #isRunning = false;
  #failure: MillraceError | undefined;
  /** Work during which nobody joins, and nobody commits by hand. */
  #blocked: Promise<void> | undefined;

  constructor(parts: LiveGroupParts, restored?: RestoredGroup) {
    this.name = parts.name;
    this.appender = parts.appender;
    this.#parts = parts;
    this.offsets = restored?.offsets ?? new CommittedOffsets();
    this.offsets.countIn(parts.meter);
    const stored = restored?.stored;
    this.#store = new StateStore(parts, stored?.part);
    this.#timer = new GroupTimer(parts.clock, () => this.#ticked());
    const { name, catalogue, subscriptions: subscriptionMeter } = parts;
    const options = { name, catalogue, subscriptionMeter, epochFloor: parts.epochs.floor };
    const nowMs = parts.clock.monotonicMs();
    this.machine =
      stored === undefined
        ? new Group(options)
        : Group.restore(options, { ...stored.part, members: stored.members }, nowMs);
    if (stored !== undefined) this.#changed();
  }

  /** Whether there is anything of the group: stored, committed or a member. */
  get isThere(): boolean {
    return this.#store.part !== undefined || this.offsets.size > 0 || this.machine.memberCount > 0;
  }

  /** When the last member went, or somebody committed last, milliseconds since the Unix epoch; undefined with members. */
  get emptySinceMs(): number | undefined {
    if (this.machine.memberCount > 0) return undefined;
    return Math.max(this.#store.part?.emptySinceMs ?? 0, this.offsets.newestAtMs);
  }

  /** Throws why the group cannot go on, if it cannot. */
  requireUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async join(command: JoinCommand, sink: MemberSink): Promise<MemberSession> {
    const session = await this.whenFree(() => {
      if (command.memberEpoch === 0) this.#parts.members.requireRoom(this.name);
      const joined = this.machine.join(command);
      this.#sinks.set(joined, sink);
      return this.#stored(joined).then(() => joined);
    });
    return new MemberSeat(this, command.memberId, session);
  }

  /** Why a commit of this offset is refused. */
  mayCommit({ member }: CommitCommand, offset: OffsetCommit): MillraceError | undefined {
    return member === undefined
      ? undefined
      : this.machine.mayCommit(member.memberId, member.memberEpoch, offset);
  }

  event(session: number, happen: (machine: Group, nowMs: number) => void): void {
    if (this.#failure !== undefined || !this.#sinks.has(session)) return;
    happen(this.machine, this.#nowMs());
    this.#changed();
  }

  lastEvent(session: number, happen: (machine: Group, nowMs: number) => void): void {
    this.event(session, happen);
    this.#sinks.delete(session);
  }

  stored(): Promise<void> {
    return this.#stored(undefined);
  }

  topicsChanged(): void {
    if (this.#failure !== undefined) return;
    // Also without members: what the group knows of topics is what its next member begins with.
    this.machine.topicsChanged();
    if (this.machine.memberCount > 0) this.#changed();
  }

  /** Does work during which nobody joins and nobody commits by hand, one after another; what came before is durable. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    // In one turn with what follows: nobody else may begin in between.
    while (this.#blocked !== undefined) await this.#blocked;
    this.requireUsable();
    let unblock = (): void => undefined;
    this.#blocked = new Promise((resolve) => {
      unblock = resolve;
    });
    try {
      // Who is out must be so after a crash too, or its late commits would change what is done now.
      if (this.#isUnstored) await this.stored();
      await this.appender.settled();
      return await work();
    } finally {
      this.#blocked = undefined;
      unblock();
    }
  }

  /** Begins work when nothing excludes it, in the same turn. */
  async whenFree<T>(work: () => Promise<T>): Promise<T> {
    while (this.#blocked !== undefined) await this.#blocked;
    this.requireUsable();
    return work();
  }

  /** As `whenFree`, with all that happened up to now durable. */
  async whenStored<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isUnstored) await this.stored();
    return this.whenFree(work);
  }

  /** Deletes what is stored of a group without members; its committed offsets must be gone. Only exclusively. */
  async deleteState(): Promise<void> {
    await this.#store.delete();
    const { epochs } = this.#parts;
    epochs.floor = Math.max(epochs.floor, this.machine.groupEpoch);
  }

  /** Ends all memberships and refuses everything from now on. */
  fail(failure: MillraceError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#timer.stop();
    this.#store.stop();
    for (const { session, reject } of this.#waiting.splice(0)) {
      if (session !== undefined) this.#sinks.delete(session);
      reject(failure);
    }
    for (const session of [...this.#sinks.keys()]) this.#end(session, failure);
  }

  /** Whether something happened that is not durable yet. */
  get #isUnstored(): boolean {
    return this.#isDue || this.#isStoring;
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  #stored(session: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ session, resolve, reject });
      this.#changed();
    });
  }

  #ticked(): void {
    this.machine.tick(this.#nowMs());
    this.#changed();
  }

  #changed(): void {
    this.#parts.members.add(this.machine.memberCount - this.#members);
    this.#members = this.machine.memberCount;
    this.#isDue = true;
    if (!this.#isRunning) void this.#run();
  }

  /** Never throws: what goes wrong ends the service of the group. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      // What happens in the same turn is stored together.
      await undefined;
      while (this.#isDue && this.#failure === undefined) {
        this.#isDue = false;
        await this.#storeAndTell();
      }
    } catch (error) {
      this.#parts.logger.error({ group: this.name, error: String(error) }, "group out of service");
      this.fail(MillraceError.from(error));
    } finally {
      this.#isRunning = false;
    }
  }

  async #storeAndTell(): Promise<void> {
    const waiting = this.#waiting.length;
    const changes = this.machine.takeChanges(this.#nowMs());
    this.#isStoring = true;
    await this.#store.put(changes, this.machine.memberCount === 0);
    this.#isStoring = false;
    if (this.#failure !== undefined) return;
    for (const { resolve } of this.#waiting.splice(0, waiting)) resolve();
    for (const notice of changes.notices) this.#tell(notice);
    this.#timer.set(this.machine.nextDeadlineMs());
  }

  #tell(notice: MemberNotice): void {
    const { session } = notice;
    if ("ended" in notice) this.#end(session, notice.ended);
    else this.#hear(session, (sink) => sink.changed(this.#withOffsets(notice.change)));
  }

  /** A sink that throws is one that hears no more, and nothing to the others. */
  #hear(session: number, say: (sink: MemberSink) => void): void {
    const sink = this.#sinks.get(session);
    try {
      if (sink !== undefined) say(sink);
    } catch (error) {
      this.#parts.logger.error({ group: this.name, error: String(error) }, "member could not be told");
      this.lastEvent(session, (machine, nowMs) => machine.disconnected(session, nowMs));
    }
  }

  /** Where the group has got to is looked up now: all that was committed before is durable. */
  #withOffsets(change: MemberChange): AssignmentChange {
    const { catalogue } = this.#parts;
    const assigned = change.assigned.map(({ topic, partition }) => {
      const topicId = catalogue.topic(topic)?.topicId;
      const committed = topicId === undefined ? undefined : this.offsets.get(topic, topicId, partition);
      return { topic, partition, committed };
    });
    return { ...change, assigned };
  }

  #end(session: number, error: MillraceError): void {
    this.#hear(session, (sink) => {
      this.#sinks.delete(session);
      sink.ended(error);
    });
  }
}
