import type { MillraceError } from "../../errors/index.ts";
import type { MemberNotice } from "./group-changes.ts";
import { GroupMembers } from "./group-members.ts";
import { type GroupTopic, GroupTopics } from "./group-topics.ts";
import type { SharedPartition, Member } from "./member.ts";
import type { TopicCatalogue } from "../ports.ts";
import { type SubscriptionMeter, Subscriptions } from "./subscriptions.ts";
import type { AssignorName } from "../types.ts";

const MEMBERS_MAX = 1_000;

/** What a group is made with. */
export interface GroupOptions {
  /** Its name, for the texts of errors. */
  readonly name: string;
  /** Looked at when somebody subscribes, and when the group is told that topics changed. */
  readonly catalogue: Pick<TopicCatalogue, "topics" | "topic">;
  /** Most members. Default 1,000. */
  readonly membersMax?: number;
  /** Where its subscriptions are counted, with those of others. */
  readonly subscriptionMeter: SubscriptionMeter;
  /** Epochs of a new group are above it. Default 0. */
  readonly epochFloor?: number;
}

/** What a group consists of, and what of it is still to be taken by `Group.takeChanges`. */
export class GroupState {
  readonly name: string;
  readonly catalogue: Pick<TopicCatalogue, "topics" | "topic">;
  readonly membersMax: number;
  readonly members = new GroupMembers();
  readonly topics: GroupTopics;
  readonly subscriptions: Subscriptions;
  epoch: number;
  assignor: AssignorName = "uniform";
  /** Members, subscriptions, assignor or partitions are not those that the target was computed for. */
  isStale = false;
  /** Members that could perhaps go on. */
  readonly unreconciled = new Set<Member>();
  /** Members whose assignment is not as it is stored. */
  readonly unstored = new Set<Member>();
  /** Members whose terms are not as they are stored. */
  readonly otherTerms = new Set<Member>();
  /** Ids of members that were removed; some may be back. */
  readonly removedIds = new Set<string>();
  /** Sessions that were ended from here. */
  readonly endings: MemberNotice[] = [];

  constructor(options: GroupOptions) {
    const { name, catalogue, membersMax = MEMBERS_MAX, subscriptionMeter, epochFloor = 0 } = options;
    this.name = name;
    this.catalogue = catalogue;
    this.membersMax = membersMax;
    this.epoch = epochFloor;
    this.subscriptions = new Subscriptions(catalogue, subscriptionMeter);
    this.topics = new GroupTopics(catalogue);
  }

  /** Makes a partition free that somebody has; who is to have it can go on. */
  free(partition: SharedPartition): void {
    const { owner, target } = partition;
    if (owner === undefined) return;
    owner.disown(partition);
    this.unstored.add(owner);
    this.unreconciled.add(owner);
    if (target !== undefined) this.unreconciled.add(target);
  }

  /** Ends the session of a member, if it has one, from this side. */
  end(member: Member, error: MillraceError): void {
    const session = this.members.detach(member);
    if (session !== undefined) this.endings.push({ session, ended: error });
  }

  /** Takes a member out: what it had is free, and what it was to have is nobody's. */
  remove(member: Member): void {
    for (const partition of member.assigned) this.free(partition);
    for (const partition of member.target) partition.target = undefined;
    member.target.clear();
    this.members.remove(member);
    this.subscriptions.release(member.subscription);
    this.unstored.delete(member);
    this.otherTerms.delete(member);
    this.unreconciled.delete(member);
    this.removedIds.add(member.id);
    this.isStale = true;
  }

  /** A topic was deleted: it vanishes from all members, who hear that they have to give it up. */
  vanish({ partitions }: GroupTopic): void {
    for (const partition of partitions) {
      const { owner, target, topic } = partition;
      if (owner !== undefined) {
        const told = owner.revoking.get(partition);
        const isThere = owner.session !== undefined;
        if (isThere) {
          owner.departed.set(topic, partition.partition, told ?? { deadlineMs: undefined, isTold: false });
        }
        this.free(partition);
      }
      if (target !== undefined) {
        target.target.delete(partition);
        partition.target = undefined;
        this.unstored.add(target);
      }
    }
  }

  /**
   * The group uses the assignor that its members ask for, and that of the one who joined last while they differ. Only
   * when nobody is left who asked for the one in use, another takes its place.
   */
  chooseAssignor(): void {
    let last: Member | undefined;
    for (const member of this.members.all()) {
      if (member.assignor === undefined) continue;
      if (member.assignor === this.assignor) return;
      last = member;
    }
    this.assignor = last?.assignor ?? this.assignor;
  }
}
