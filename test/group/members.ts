/** Members of groups as tests have them. */
import type { MillraceError } from "../../src/errors/index.ts";
import type {
  AssignedPartition,
  AssignmentChange,
  GroupsApi,
  JoinCommand,
  MemberSession,
} from "../../src/group/index.ts";
import { turn } from "../support/turns.ts";

/** Who joins; what is absent is as for most. */
export interface TestJoin extends Partial<Omit<JoinCommand, "subscription">> {
  readonly group: string;
  readonly memberId: string;
  readonly topics?: readonly string[];
  readonly topicPattern?: string;
}

/** A member that notes what it hears. */
export interface TestMember {
  readonly session: MemberSession;
  readonly changes: AssignmentChange[];
  /** What it may read, by "topic-partition". */
  readonly partitions: Map<string, AssignedPartition>;
  readonly epoch: number;
  readonly end: MillraceError | undefined;
  /** Waits some turns for something to come true. */
  until(isTrue: () => boolean): Promise<void>;
}

/** Waits until the coordinator has read what there was. */
export async function openGroups(groups: GroupsApi): Promise<void> {
  for (let turns = 0; turns < 1_000; turns++) {
    try {
      groups.list();
      return;
    } catch {
      await turn();
    }
  }
  groups.list();
}

/** The command that such a join is. */
export function joinCommand({ topics = [], topicPattern, ...join }: TestJoin): JoinCommand {
  return {
    memberEpoch: 0,
    owned: [],
    instanceId: undefined,
    clientId: "test",
    assignor: undefined,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 300_000,
    ...join,
    subscription: { topics, topicPattern },
  };
}

/** Joins; gives up at once what it is to give up. */
export async function memberOf(groups: GroupsApi, join: TestJoin): Promise<TestMember> {
  const state = { epoch: 0, end: undefined as MillraceError | undefined };
  const changes: AssignmentChange[] = [];
  const partitions = new Map<string, AssignedPartition>();
  for (const { topic, partition } of join.owned ?? []) {
    partitions.set(`${topic}-${partition}`, { topic, partition, committed: undefined });
  }
  const joining = groups.join(joinCommand(join), {
    changed(change) {
      changes.push(change);
      state.epoch = change.memberEpoch;
      for (const place of change.assigned) partitions.set(`${place.topic}-${place.partition}`, place);
      for (const { topic, partition } of change.revoked) partitions.delete(`${topic}-${partition}`);
      if (change.revoked.length > 0) void joining.then((seat) => seat.release(change.revoked));
    },
    ended(error) {
      state.end = error;
      partitions.clear();
    },
  });
  const session = await joining;
  return {
    session,
    changes,
    partitions,
    get epoch() {
      return state.epoch;
    },
    get end() {
      return state.end;
    },
    async until(isTrue) {
      for (let turns = 0; turns < 1_000 && !isTrue(); turns++) await turn();
      if (!isTrue())
        throw new Error(`member ${join.memberId} waits in vain; it heard ${JSON.stringify(changes)}`);
    },
  };
}

/** A sink that does not listen. */
export const mute = { changed: () => {}, ended: () => {} };

/** What a member of "g" says that wants to read "t". */
export function join(memberId: string) {
  return joinCommand({ group: "g", memberId, topics: ["t"] });
}
