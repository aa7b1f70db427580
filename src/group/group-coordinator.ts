import { MillraceError } from "../errors/index.ts";
import { deleteGroup, deleteOffsets, notEmpty, seekGroup } from "./service/administer-groups.ts";
import { checkCommit, checkJoin } from "./service/command-checks.ts";
import { commitOffsets } from "./service/commit-rules.ts";
import { describePartitions } from "./service/describe-group.ts";
import { GroupRegistry, type GroupRegistryParts } from "./service/group-registry.ts";
import { GroupUpkeep } from "./service/group-upkeep.ts";
import { unknownMember } from "./machine/member-errors.ts";
import type { LiveGroup } from "./service/live-group.ts";
import type {
  AcceptSeek,
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
} from "./types.ts";

/** What a coordinator of groups needs. */
export interface GroupCoordinatorParts extends Omit<GroupRegistryParts, "groupsMax" | "membersMax"> {
  /** How long a group may be empty before its committed offsets expire, milliseconds. Undefined: they never do. */
  readonly offsetsRetentionMs?: number | undefined;
  /** Most groups. Default 10,000. */
  readonly groupsMax?: number;
  /** Most members of all groups. Default 20,000. */
  readonly membersMax?: number;
  /** Most bytes of memory for committed offsets, at some 200 each. Default 64 MiB. */
  readonly offsetBytesMax?: number;
}

const GROUPS_MAX = 10_000;
const MEMBERS_MAX = 20_000;
const OFFSET_BYTES_MAX = 64 * 1_048_576;

/** The consumer groups of a broker. */
export class GroupCoordinator implements GroupsApi {
  readonly #parts: GroupCoordinatorParts;
  readonly #groups: GroupRegistry;
  readonly #upkeep: GroupUpkeep;
  /** Why nobody can be served now. */
  #refusal: MillraceError | undefined = loading();
  #loaded: Promise<void> | undefined;

  constructor(parts: GroupCoordinatorParts) {
    this.#parts = parts;
    const { groupsMax = GROUPS_MAX, membersMax = MEMBERS_MAX } = parts;
    this.#groups = new GroupRegistry({ ...parts, groupsMax, membersMax });
    this.#upkeep = new GroupUpkeep(parts, this.#groups);
  }

  /** Begins to read what there was of groups. To be called first, once, when all topics are known. */
  start(): void {
    this.#parts.catalogue.listen(() => this.#topicsChanged());
    if (this.#groups.isNew) this.#serve();
    else this.#loaded = this.#load();
  }

  /** Ends all memberships with SHUTTING_DOWN and refuses everything; resolves when nothing is under way. */
  async close(): Promise<void> {
    const refusal = new MillraceError(
      "SHUTTING_DOWN",
      "the broker is shutting down; join again when it is back",
    );
    this.#refusal = refusal;
    this.#upkeep.close();
    this.#groups.close(refusal);
    await this.#loaded;
    await this.#groups.settled();
  }

  async join(command: JoinCommand, sink: MemberSink): Promise<MemberSession> {
    this.#requireServing();
    checkJoin(command);
    return this.#groups.use(command.group, (group) => group.join(command, sink));
  }

  async commit(command: CommitCommand): Promise<readonly CommitResult[]> {
    this.#requireServing();
    checkCommit(command);
    if (command.member === undefined) {
      return this.#groups.use(command.group, (group) => this.#commitByHand(group, command));
    }
    const group = this.#groups.find(command.group);
    if (group === undefined) throw unknownMember(command.group, command.member.memberId);
    const refusal = group.mayCommit(command, command.offsets[0]!);
    if (refusal !== undefined && refusal.reason !== "STALE_MEMBER_EPOCH") throw refusal;
    return this.#commit(group, command);
  }

  committed(name: string, partitions: readonly TopicPartition[]): readonly PartitionCommit[] {
    this.#requireServing();
    const offsets = this.#groups.find(name)?.offsets;
    const { catalogue } = this.#parts;
    if (partitions.length > 0) {
      return partitions.map(({ topic, partition }) => {
        const topicId = catalogue.topic(topic)?.topicId;
        const committed = topicId === undefined ? undefined : offsets?.get(topic, topicId, partition);
        return { topic, partition, committed };
      });
    }
    const all: PartitionCommit[] = [];
    for (const [topic, partition, { topicId, committed }] of offsets?.inOrder() ?? []) {
      if (catalogue.topic(topic)?.topicId === topicId) all.push({ topic, partition, committed });
    }
    return all;
  }

  /** Groups of a log that cannot be read are not listed; asked for one of them, the coordinator says why. */
  list(): readonly GroupSummary[] {
    this.#requireServing();
    const there = [...this.#groups.all()].filter(({ isThere }) => isThere);
    return there.sort((a, b) => (a.name < b.name ? -1 : 1)).map(summaryOf);
  }

  describe(name: string): GroupDescription {
    this.#requireServing();
    const group = this.#groups.get(name);
    const { machine, offsets } = group;
    const partitions = describePartitions({ group: machine, offsets, catalogue: this.#parts.catalogue });
    return { ...summaryOf(group), members: machine.members(), partitions };
  }

  async seek(command: SeekCommand, accept?: AcceptSeek): Promise<readonly SoughtPartition[]> {
    this.#requireServing();
    const { catalogue, clock } = this.#parts;
    return seekGroup(command, { groups: this.#groups, catalogue, nowMs: () => clock.nowMs(), accept });
  }

  async delete(group: string): Promise<void> {
    this.#requireServing();
    await deleteGroup(group, this.#groups);
  }

  async deleteOffsets(group: string, topic: string, partitions: readonly number[]): Promise<number> {
    this.#requireServing();
    return deleteOffsets(group, this.#groups, { topic, partitions });
  }

  #commitByHand(group: LiveGroup, command: CommitCommand): Promise<CommitResult[]> {
    return group.whenStored(async () => {
      if (group.machine.memberCount > 0) throw notEmpty(group);
      return this.#commit(group, command);
    });
  }

  #commit(group: LiveGroup, command: CommitCommand): Promise<CommitResult[]> {
    group.requireUsable();
    const { catalogue, clock, offsetBytesMax = OFFSET_BYTES_MAX } = this.#parts;
    const isFull = this.#groups.offsetBytes >= offsetBytesMax;
    return commitOffsets(group, command, { catalogue, nowMs: clock.nowMs(), isFull });
  }

  async #load(): Promise<void> {
    await this.#groups.load();
    // The broker may have begun to close meanwhile.
    if (this.#refusal?.reason === "COORDINATOR_LOADING") this.#serve();
  }

  #serve(): void {
    this.#refusal = undefined;
    this.#upkeep.begin();
  }

  /** Also while logs are still read: groups of those that were read have seen the topics as they were. */
  #topicsChanged(): void {
    for (const group of this.#groups.all()) group.topicsChanged();
    if (this.#refusal === undefined) this.#upkeep.topicsChanged();
  }

  #requireServing(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }
}

function summaryOf({ name, machine }: LiveGroup): GroupSummary {
  const { state, memberCount, groupEpoch, assignor } = machine;
  return { group: name, state, memberCount, groupEpoch, assignor };
}

function loading(): MillraceError {
  const text = "the coordinator of groups is still reading their state; try again in a moment";
  return new MillraceError("COORDINATOR_LOADING", text);
}
