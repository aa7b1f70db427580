/** A program that joins a group over a stream which delays and breaks. */
import type { Group } from "../../src/group/machine/group.ts";
import type { MemberNotice } from "../../src/group/machine/group-changes.ts";
import type { AssignorName, GroupSubscription } from "../../src/group/index.ts";
import { nameOf, partitionOf } from "./group-rig.ts";

/** One stream: what is on its way, and who knows that it is broken. */
export interface Stream {
  readonly session: number;
  /** Notices that were sent, with the ids of the topics that were assigned. */
  readonly down: { readonly notice: MemberNotice; readonly topicIds: ReadonlyMap<string, string> }[];
  readonly up: ((group: Group) => void)[];
  isOpenForMember: boolean;
  isOpenForGroup: boolean;
}

/** A program that is a member, or believes so. */
export class Program {
  readonly memberId: string;
  readonly instanceId: string | undefined;
  subscription: GroupSubscription;
  readonly assignor: AssignorName | undefined;
  stream: Stream | undefined;
  epoch = 0;
  /** Topic ids by names of partitions that it reads. */
  readonly has = new Map<string, string>();
  /** The same of those that it was told to give up and still works on. */
  readonly owes = new Map<string, string>();
  /** It was told that its membership is over, or died. */
  isOver = false;

  constructor(who: Pick<Program, "memberId" | "instanceId" | "assignor">, subscription: GroupSubscription) {
    this.memberId = who.memberId;
    this.instanceId = who.instanceId;
    this.assignor = who.assignor;
    this.subscription = subscription;
  }

  /** What it believes to have. */
  get beliefs(): [name: string, topicId: string][] {
    return this.isOver ? [] : [...this.has, ...this.owes];
  }

  end(): void {
    this.isOver = true;
    if (this.stream !== undefined) this.stream.isOpenForMember = false;
  }

  /** Hears the next notice that is on its way. */
  hear(): boolean {
    const next = this.stream?.isOpenForMember ? this.stream.down.shift() : undefined;
    if (next === undefined) return false;
    if ("ended" in next.notice) {
      this.end();
      return true;
    }
    const { memberEpoch, assigned, revoked } = next.notice.change;
    if (memberEpoch < this.epoch) throw new Error(`epoch ${memberEpoch} after ${this.epoch}`);
    this.epoch = memberEpoch;
    for (const name of revoked.map(nameOf)) {
      this.owes.set(name, this.has.get(name) ?? this.owes.get(name) ?? "unknown");
      this.has.delete(name);
    }
    for (const name of assigned.map(nameOf)) {
      if (this.has.has(name) || this.owes.has(name)) throw new Error(`${name} is assigned twice`);
      this.has.set(name, next.topicIds.get(name)!);
    }
    return true;
  }

  /** Says that it has given up the first few of what it was told to. */
  release(count: number): boolean {
    const { stream } = this;
    const names = [...this.owes.keys()].slice(0, count);
    if (!stream?.isOpenForMember || names.length === 0) return false;
    for (const name of names) this.owes.delete(name);
    stream.up.push((group) => group.release(stream.session, names.map(partitionOf)));
    return true;
  }

  /** Something that it says reaches the group. */
  speak(group: Group): boolean {
    const said = this.stream?.isOpenForMember ? this.stream.up.shift() : undefined;
    if (said === undefined) return false;
    if (this.stream!.isOpenForGroup) said(group);
    return true;
  }
}
