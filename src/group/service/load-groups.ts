import { CommittedOffsets } from "../offsets/committed-offsets.ts";
import type { StoredAssignment, StoredMember } from "../machine/group-changes.ts";
import { type GroupPart, readGroup, readMember } from "../storage/group-record.ts";
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
  readonly members: Map<string, StoredMember>;
  readonly offsets: CommittedOffsets;
}

/** Reads a log of groups: the newest record of each key counts. Throws what reading throws, LOG_CORRUPT. */
export async function loadGroups(log: GroupLog): Promise<Map<string, LoadedGroup>> {
  const groups = new Map<string, Loading>();
  await log.replay((record) => load(groups, record));
  const loaded = new Map<string, LoadedGroup>();
  for (const [name, { part, members, offsets }] of groups) {
    if (part === undefined && members.size === 0 && offsets.size === 0) continue;
    const inOrder = [...members.values()].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
    loaded.set(name, { part, members: withoutRivals(inOrder), offsets });
  }
  return loaded;
}

function load(groups: Map<string, Loading>, { key: keyBytes, value }: GroupRecord): void {
  const key = readRecordKey(keyBytes);
  if (key === undefined) return;
  let group = groups.get(key.group);
  if (group === undefined) {
    group = { part: undefined, members: new Map(), offsets: new CommittedOffsets() };
    groups.set(key.group, group);
  }
  if (key.type === "group") group.part = value === null ? undefined : readGroup(value);
  else if (key.type === "offset") {
    group.offsets.load(key.topic, key.partition, value === null ? undefined : readOffset(value));
  } else if (value === null) group.members.delete(key.memberId);
  else group.members.set(key.memberId, readMember(key.memberId, value));
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
