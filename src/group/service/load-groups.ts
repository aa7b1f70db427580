import { CommittedOffsets } from "../offsets/committed-offsets.ts";
import type {
  MemberAssignment,
  MemberTerms,
  StoredAssignment,
  StoredMember,
} from "../machine/group-changes.ts";
import { type GroupPart, readAssignment, readGroup, readMember } from "../storage/group-record.ts";
import { readOffset } from "../storage/offset-record.ts";
import { PartitionMap } from "../partition-map.ts";
import type { GroupLog, GroupRecord } from "../ports.ts";
import { readRecordKey } from "../storage/record-key.ts";

/** What a log has of one group. */
export interface LoadedGroup {
  readonly part: GroupPart | undefined;
  /** In order of their ids; no partition is assigned to two of them. */
  readonly members: readonly StoredMember[];
  readonly offsets: CommittedOffsets;
}

interface Loading {
  part: GroupPart | undefined;
  readonly terms: Map<string, MemberTerms>;
  readonly assignments: Map<string, MemberAssignment>;
  readonly offsets: CommittedOffsets;
}

/** How far a member has come of which nothing else is stored yet. */
const UNASSIGNED = { joinEpoch: 0, memberEpoch: 0, assigned: [], target: [] } as const;

/** Reads a log of groups: the newest record of each key counts. Throws what reading throws, LOG_CORRUPT. */
export async function loadGroups(log: GroupLog): Promise<Map<string, LoadedGroup>> {
  const groups = new Map<string, Loading>();
  await log.replay((record) => load(groups, record));
  const loaded = new Map<string, LoadedGroup>();
  for (const [name, { part, terms, assignments, offsets }] of groups) {
    if (part === undefined && terms.size === 0 && offsets.size === 0) continue;
    const inOrder = [...terms.values()].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
    const members = inOrder.map((one) => ({ ...UNASSIGNED, ...one, ...assignments.get(one.memberId) }));
    loaded.set(name, { part, members: withoutRivals(members), offsets });
  }
  return loaded;
}

function load(groups: Map<string, Loading>, { key: keyBytes, value }: GroupRecord): void {
  const key = readRecordKey(keyBytes);
  if (key === undefined) return;
  let group = groups.get(key.group);
  if (group === undefined) {
    group = { part: undefined, terms: new Map(), assignments: new Map(), offsets: new CommittedOffsets() };
    groups.set(key.group, group);
  }
  if (key.type === "group") group.part = value === null ? undefined : readGroup(value);
  else if (key.type === "offset") {
    group.offsets.load(key.topic, key.partition, value === null ? undefined : readOffset(value));
  } else if (key.type === "member") {
    if (value === null) group.terms.delete(key.memberId);
    else group.terms.set(key.memberId, readMember(key.memberId, value));
  } else if (value === null) group.assignments.delete(key.memberId);
  else group.assignments.set(key.memberId, readAssignment(key.memberId, value));
}

/**
 * A change that was stored only in part may leave a partition with the member that gave it up beside the one that got
 * it: the younger assignment was made after the older one was released.
 */
function withoutRivals(members: readonly StoredMember[]): StoredMember[] {
  const youngest = new PartitionMap<StoredAssignment>();
  for (const { assigned } of members) {
    for (const assignment of assigned) {
      const rival = youngest.get(assignment.topic, assignment.partition);
      if (rival !== undefined && rival.epoch > assignment.epoch) continue;
      youngest.set(assignment.topic, assignment.partition, assignment);
    }
  }
  return members.map((member) => ({
    ...member,
    assigned: member.assigned.filter((place) => youngest.get(place.topic, place.partition) === place),
  }));
}
