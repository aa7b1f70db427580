import { assert } from "../../base/index.ts";
import type { AssignmentProblem, SharedTopic } from "./assignors/assignor.ts";
import { assignRanges } from "./assignors/range.ts";
import { assignUniformly } from "./assignors/uniform.ts";
import type { GroupTopic, GroupTopics } from "./group-topics.ts";
import type { Member } from "./member.ts";
import type { TopicCatalogue } from "../ports.ts";
import type { AssignorName } from "../types.ts";

const ASSIGNORS = { uniform: assignUniformly, range: assignRanges } as const;

/** What a target is made of. */
export interface TargetInput {
  /** In the order in which the assignor is to see them. */
  readonly members: readonly Member[];
  readonly topics: GroupTopics;
  readonly catalogue: Pick<TopicCatalogue, "topics" | "topic">;
  readonly assignor: AssignorName;
}

/** Gives every partition of every subscribed topic a target; returns the members whose target changed. */
export function computeTarget({ members, topics, catalogue, assignor }: TargetInput): Set<Member> {
  const subscribers = subscribersOf(members, catalogue);
  const changed = new Set<Member>();
  dropUnread(topics, subscribers, changed);
  const shared = [...subscribers.keys()].sort().flatMap((name) => topics.obtain(name) ?? []);
  const owners = ASSIGNORS[assignor](problemOf(members, shared, subscribers));
  for (const [place, { partitions }] of shared.entries()) {
    for (const partition of partitions) {
      const member = members[owners[place]![partition.partition]!];
      assert(member !== undefined, "an assignor gives every partition to a member");
      if (member === partition.target) continue;
      if (partition.target !== undefined) changed.add(partition.target);
      changed.add(member);
      member.aimAt(partition);
    }
  }
  return changed;
}

/** Numbers of the members that subscribe to each topic there is. */
function subscribersOf(
  members: readonly Member[],
  catalogue: TargetInput["catalogue"],
): Map<string, number[]> {
  const subscribers = new Map<string, number[]>();
  for (const [number, { subscription }] of members.entries()) {
    for (const name of subscription.namesIn(catalogue)) {
      const others = subscribers.get(name);
      if (others === undefined) subscribers.set(name, [number]);
      else others.push(number);
    }
  }
  return subscribers;
}

/** Nobody is to have what nobody subscribes to; it is forgotten once nobody has it either. */
function dropUnread(
  topics: GroupTopics,
  subscribers: ReadonlyMap<string, unknown>,
  changed: Set<Member>,
): void {
  for (const topic of topics.all()) {
    if (subscribers.has(topic.name)) continue;
    for (const partition of topic.partitions) {
      if (partition.target === undefined) continue;
      changed.add(partition.target);
      partition.target.target.delete(partition);
      partition.target = undefined;
    }
    if (topic.partitions.every(({ owner }) => owner === undefined)) topics.drop(topic);
  }
}

function problemOf(
  members: readonly Member[],
  shared: readonly GroupTopic[],
  subscribers: ReadonlyMap<string, readonly number[]>,
): AssignmentProblem {
  const numbers = new Map(members.map((member, number) => [member, number]));
  const topics = shared.map(({ name, partitions }): SharedTopic => {
    const owners = partitions.map(({ target }) => (target === undefined ? undefined : numbers.get(target)));
    return { subscribers: subscribers.get(name)!, owners };
  });
  return { memberCount: members.length, topics };
}
