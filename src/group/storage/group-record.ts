/** Groups and their members as records of the groups' log; see FORMAT.md. */
import type {
  MemberAssignment,
  MemberTerms,
  StoredAssignment,
  StoredGroupState,
  StoredPartition,
} from "../machine/group-changes.ts";
import type { GroupRecord } from "../ports.ts";
import { recordKey } from "./record-key.ts";
import { StoredFields, VERSION } from "./stored-fields.ts";
import type { AssignorName } from "../types.ts";

/** The part of a group that is none of its members', with what only the coordinator needs. */
export interface GroupPart extends StoredGroupState {
  /** When the last member went, milliseconds since the Unix epoch; undefined while there are members. */
  readonly emptySinceMs: number | undefined;
  /** Members have changed with this, and not all of that is stored. */
  readonly isUnfinished?: boolean;
}

/** The record of a group; undefined deletes. */
export function groupRecord(group: string, part: GroupPart | undefined): GroupRecord {
  const key = recordKey({ type: "group", group });
  if (part === undefined) return { key, value: null };
  const { groupEpoch, assignor, emptySinceMs } = part;
  const unfinished = part.isUnfinished === true ? true : undefined;
  return { key, value: encode({ v: VERSION, groupEpoch, assignor, emptySinceMs, unfinished }) };
}

/** Reads the value of a group. Throws LOG_CORRUPT. */
export function readGroup(value: Buffer): GroupPart {
  const fields = StoredFields.parse(value, "group");
  return {
    groupEpoch: fields.count("groupEpoch"),
    assignor: readAssignor(fields.text("assignor")),
    emptySinceMs: fields.optionalCount("emptySinceMs"),
    isUnfinished: fields.optionalFlag("unfinished") === true,
  };
}

/** The record of who a member is. */
export function memberRecord(group: string, terms: MemberTerms): GroupRecord {
  const { instanceId, replacedMemberId, clientId, assignor, sessionTimeoutMs, rebalanceTimeoutMs } = terms;
  const { topics, topicPattern } = terms.subscription;
  const value = encode({
    v: VERSION,
    instanceId,
    replacedMemberId,
    clientId,
    assignor,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    topics,
    topicPattern,
  });
  return { key: recordKey({ type: "member", group, memberId: terms.memberId }), value };
}

/** The record of how far a member has come. */
export function assignmentRecord(group: string, assignment: MemberAssignment): GroupRecord {
  const { memberId, joinEpoch, memberEpoch, assigned, target } = assignment;
  const value = encode({
    v: VERSION,
    joinEpoch,
    memberEpoch,
    assigned: byTopic(assigned).map(([first, partitions]) => ({
      topic: first.topic,
      topicId: first.topicId,
      partitions: partitions.map(({ partition }) => partition),
      epochs: partitions.map(({ epoch }) => epoch),
      revoking: partitions.filter(({ revoking }) => revoking).map(({ partition }) => partition),
    })),
    target: byTopic(target).map(([first, partitions]) => ({
      topic: first.topic,
      topicId: first.topicId,
      partitions: partitions.map(({ partition }) => partition),
    })),
  });
  return { key: recordKey({ type: "assignment", group, memberId }), value };
}

/** The records that delete a member. Without its assignment it is one that has got nothing yet. */
export function memberTombstones(group: string, memberId: string): GroupRecord[] {
  return [
    { key: recordKey({ type: "assignment", group, memberId }), value: null },
    { key: recordKey({ type: "member", group, memberId }), value: null },
  ];
}

/** Reads who a member is. Throws LOG_CORRUPT. */
export function readMember(memberId: string, value: Buffer): MemberTerms {
  const fields = StoredFields.parse(value, "member");
  const assignor = fields.optionalText("assignor");
  return {
    memberId,
    instanceId: fields.optionalText("instanceId"),
    replacedMemberId: fields.optionalText("replacedMemberId"),
    clientId: fields.text("clientId"),
    subscription: { topics: fields.texts("topics"), topicPattern: fields.optionalText("topicPattern") },
    assignor: assignor === undefined ? undefined : readAssignor(assignor),
    sessionTimeoutMs: fields.count("sessionTimeoutMs"),
    rebalanceTimeoutMs: fields.count("rebalanceTimeoutMs"),
  };
}

/** Reads how far a member has come. Throws LOG_CORRUPT. */
export function readAssignment(memberId: string, value: Buffer): MemberAssignment {
  const fields = StoredFields.parse(value, "assignment");
  return {
    memberId,
    joinEpoch: fields.count("joinEpoch"),
    memberEpoch: fields.count("memberEpoch"),
    assigned: fields.list("assigned").flatMap(readAssigned),
    target: fields.list("target").flatMap(readTarget),
  };
}

function encode(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function readAssigned(fields: StoredFields): StoredAssignment[] {
  const epochs = fields.counts("epochs");
  const revoking = new Set(fields.counts("revoking"));
  return readTarget(fields).map((place, index) => ({
    ...place,
    epoch: epochs[index] ?? 0,
    revoking: revoking.has(place.partition),
  }));
}

function readTarget(fields: StoredFields): StoredPartition[] {
  const [topic, topicId] = [fields.text("topic"), fields.text("topicId")];
  return fields.counts("partitions").map((partition) => ({ topic, topicId, partition }));
}

/** A later version may know others; whoever goes on with this group here uses ours. */
function readAssignor(name: string): AssignorName {
  return name === "range" ? "range" : "uniform";
}

/** Neighbours of one topic together; the first of them stands for it. */
function byTopic<T extends StoredPartition>(partitions: readonly T[]): [first: T, partitions: T[]][] {
  const topics: [T, T[]][] = [];
  for (const place of partitions) {
    const last = topics.at(-1);
    if (last?.[0].topicId === place.topicId) last[1].push(place);
    else topics.push([place, [place]]);
  }
  return topics;
}
