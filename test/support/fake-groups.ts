/**
 * A coordinator of groups that does what a test says: it remembers who joined and what they did, and a test assigns,
 * revokes, ends memberships and holds commits back. Everything else is tested against the real one.
 */
import type {
  AcceptSeek,
  AssignmentChange,
  CommitCommand,
  CommitResult,
  GroupDescription,
  GroupSummary,
  GroupsApi,
  JoinCommand,
  MemberSession,
  MemberSink,
  PartitionCommit,
  SeekCommand,
  SoughtPartition,
  TopicPartition,
} from "../../src/group/types.ts";

/** A member that joined, and what it has done since. */
export class FakeMember implements MemberSession {
  readonly memberId: string;
  readonly command: JoinCommand;
  readonly sink: MemberSink;
  readonly released: TopicPartition[] = [];
  readonly subscribed: unknown[] = [];
  pausedNow: readonly TopicPartition[] = [];
  /** How it ended, if it has. */
  end: "left" | "disconnected" | undefined;
  /** Called before a leave is done; a promise holds it back, a throw fails it. */
  beforeLeave: () => Promise<void> | void = () => {};
  #epoch = 0;

  constructor(command: JoinCommand, sink: MemberSink) {
    this.memberId = command.memberId;
    this.command = command;
    this.sink = sink;
  }

  /** Tells the member what changed, in an epoch of its own. */
  change(change: Partial<Pick<AssignmentChange, "assigned" | "revoked">>): void {
    const { memberId } = this;
    this.sink.changed({ memberId, memberEpoch: ++this.#epoch, assigned: [], revoked: [], ...change });
  }

  release(partitions: readonly TopicPartition[]): void {
    this.released.push(...partitions);
  }

  subscribe(subscription: unknown): void {
    this.subscribed.push(subscription);
  }

  paused(partitions: readonly TopicPartition[]): void {
    this.pausedNow = partitions;
  }

  async leave(): Promise<void> {
    await this.beforeLeave();
    this.end ??= "left";
  }

  disconnected(): void {
    this.end ??= "disconnected";
  }
}

/** See above. */
export class FakeGroups implements GroupsApi {
  readonly members: FakeMember[] = [];
  readonly commits: CommitCommand[] = [];
  /** Called before a join is done; a promise holds it back, a throw fails it. */
  beforeJoin: () => Promise<void> | void = () => {};
  /** What becomes of commits; by default they all hold. */
  answer: (command: CommitCommand) => Promise<readonly CommitResult[]> | readonly CommitResult[] = ({
    offsets,
  }) => offsets.map(({ offset }) => offset);
  description: GroupDescription | undefined;
  /** What a seek moves, and how many were done. */
  sought: readonly SoughtPartition[] = [];
  seeks = 0;

  async join(command: JoinCommand, sink: MemberSink): Promise<MemberSession> {
    await this.beforeJoin();
    const member = new FakeMember(command, sink);
    this.members.push(member);
    return member;
  }

  async commit(command: CommitCommand): Promise<readonly CommitResult[]> {
    this.commits.push(command);
    return this.answer(command);
  }

  committed(): readonly PartitionCommit[] {
    return [];
  }

  list(): readonly GroupSummary[] {
    return this.description === undefined ? [] : [this.description];
  }

  describe(): GroupDescription {
    return this.description!;
  }

  async seek(_command: SeekCommand, accept?: AcceptSeek): Promise<readonly SoughtPartition[]> {
    accept?.(this.sought);
    this.seeks++;
    return this.sought;
  }

  async delete(): Promise<void> {}

  async deleteOffsets(): Promise<number> {
    return 0;
  }
}
