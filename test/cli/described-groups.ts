import type { GroupDescription, GroupMemberDescription, GroupPartition } from "../../src/index.ts";

/** A time for what is described here. */
export const NOW_MS = Date.parse("2026-01-31T12:00:00Z");

/** A partition that is read: 10 records behind, committed a second ago. */
export function partition(changes: Partial<GroupPartition> = {}): GroupPartition {
  return {
    topic: "orders",
    partition: 0,
    committed: committed(90),
    logStartOffset: 0,
    highWatermark: 100,
    lag: 10,
    memberId: "3f2a9c1e-0000-4000-8000-000000000001",
    progress: "reading",
    ...changes,
  };
}

/** An offset committed a second ago. */
export function committed(offset: number, changes: Partial<GroupPartition["committed"]> = {}) {
  return { offset, metadata: "", committedAtMs: NOW_MS - 1_000, isExpired: false, ...changes };
}

/** A member that has partition 0. */
export function member(changes: Partial<GroupMemberDescription> = {}): GroupMemberDescription {
  return {
    memberId: "3f2a9c1e-0000-4000-8000-000000000001",
    instanceId: undefined,
    clientId: "billing-app",
    memberEpoch: 3,
    isConnected: true,
    subscription: { topics: ["orders"], topicPattern: undefined },
    assigned: [{ topic: "orders", partition: 0 }],
    target: [{ topic: "orders", partition: 0 }],
    revoking: [],
    ...changes,
  };
}

/** A stable group of one member that reads one partition. */
export function group(changes: Partial<GroupDescription> = {}): GroupDescription {
  const members = changes.members ?? [member()];
  return {
    group: "billing",
    state: members.length === 0 ? "empty" : "stable",
    memberCount: members.length,
    groupEpoch: 3,
    assignor: "uniform",
    members,
    partitions: [partition()],
    ...changes,
  };
}
