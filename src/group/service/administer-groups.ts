/** What operators do to groups: seek, delete, delete offsets. Durable when the call returns. */
import { MillraceError } from "../../errors/index.ts";
import { CommittedOffsets, type StoredOffset } from "../offsets/committed-offsets.ts";
import type { GroupRegistry } from "./group-registry.ts";
import type { LiveGroup } from "./live-group.ts";
import { type PlannedSeek, planSeek } from "./plan-seek.ts";
import type { TopicCatalogue } from "../ports.ts";
import { type OffsetChange, storeOffsets } from "../storage/store-offsets.ts";
import type { AcceptSeek, SeekCommand, SoughtPartition, TopicPartition } from "../types.ts";

/** What a seek needs. */
export interface SeekingParts {
  readonly groups: GroupRegistry;
  readonly catalogue: TopicCatalogue;
  readonly nowMs: () => number;
  /** See GroupsApi.seek. */
  readonly accept: AcceptSeek | undefined;
}

/** Moves the committed offsets of a group without members; see GroupsApi.seek. */
export async function seekGroup(command: SeekCommand, parts: SeekingParts): Promise<SoughtPartition[]> {
  const { group: name, to, topic } = command;
  const { groups, catalogue, nowMs, accept } = parts;
  const others = typeof to === "object" && "otherGroup" in to ? groups.get(to.otherGroup).offsets : undefined;
  const isShift = typeof to === "object" && "shift" in to;
  if (isShift || (topic === undefined && others === undefined)) groups.get(name);
  if (command.dryRun) {
    const group = groups.find(name);
    if (group !== undefined) requireEmpty(group);
    const offsets = group?.offsets ?? new CommittedOffsets();
    return accepted(await planSeek(command, { catalogue, offsets, others }), accept);
  }
  return groups.use(name, (group) =>
    group.exclusively(async () => {
      requireEmpty(group);
      const plan = await planSeek(command, { catalogue, offsets: group.offsets, others });
      const sought = accepted(plan, accept);
      const moves = plan.map((place) => ({ ...place, metadata: "" }));
      const failures = await storeOffsets(group, moves, ({ topicId, after }): StoredOffset => {
        return {
          topicId,
          committed: { offset: after, metadata: "", committedAtMs: nowMs(), expired: false },
        };
      });
      throwFirst(failures);
      return sought;
    }),
  );
}

/** Deletes a group without members; see GroupsApi.delete. */
export async function deleteGroup(name: string, groups: GroupRegistry): Promise<void> {
  groups.get(name);
  await groups.use(name, (group) =>
    group.exclusively(async () => {
      requireEmpty(group);
      await forget(group, () => true);
      await group.deleteState();
    }),
  );
}

/** Deletes committed offsets of a topic; see GroupsApi.deleteOffsets. */
export async function deleteOffsets(
  name: string,
  groups: GroupRegistry,
  chosen: { readonly topic: string; readonly partitions: readonly number[] },
): Promise<number> {
  groups.get(name);
  return groups.use(name, (group) => {
    if (group.machine.subscribedTopics().includes(chosen.topic)) throw notEmpty(group);
    const partitions = new Set(chosen.partitions);
    const isChosen = ({ topic, partition }: TopicPartition) =>
      topic === chosen.topic && (partitions.size === 0 || partitions.has(partition));
    return forget(group, isChosen);
  });
}

async function forget(group: LiveGroup, isChosen: (place: TopicPartition) => boolean): Promise<number> {
  const chosen: OffsetChange[] = [];
  for (const [topic, partition] of group.offsets.all()) {
    if (isChosen({ topic, partition })) chosen.push({ topic, partition, metadata: "" });
  }
  throwFirst(await storeOffsets(group, chosen, () => undefined));
  return chosen.length;
}

function accepted(plan: readonly PlannedSeek[], accept: AcceptSeek | undefined): SoughtPartition[] {
  const sought = plan.map(({ topicId: _, ...partition }) => partition);
  accept?.(sought);
  return sought;
}

function throwFirst(failures: readonly (MillraceError | undefined)[]): void {
  for (const failure of failures) if (failure !== undefined) throw failure;
}

function requireEmpty(group: LiveGroup): void {
  if (group.machine.memberCount > 0) throw notEmpty(group);
}

/** Refuses what needs a group without members. */
export function notEmpty({ name, machine }: LiveGroup): MillraceError {
  const members = machine.memberCount;
  return new MillraceError(
    "GROUP_NOT_EMPTY",
    `group ${name} has ${members} ${members === 1 ? "member" : "members"}: stop the consumers first, and wait for the session timeout of those that were killed`,
    { details: { group: name, members } },
  );
}
