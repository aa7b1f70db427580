import type { Clock } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";
import type { StoredOffset } from "../offsets/committed-offsets.ts";
import type { LiveGroup } from "./live-group.ts";
import type { TopicCatalogue } from "../ports.ts";
import { type OffsetChange, storeOffsets } from "../storage/store-offsets.ts";

/** Deletes the committed offsets of topics that are gone. Returns why some could not be deleted, if so. */
export async function forgetDeletedTopics(
  group: LiveGroup,
  catalogue: Pick<TopicCatalogue, "topic">,
): Promise<MillraceError | undefined> {
  const isGone = (topic: string, offset: StoredOffset | undefined) =>
    offset !== undefined && offset.topicId !== catalogue.topic(topic)?.topicId;
  const gone: OffsetChange[] = [];
  for (const [topic, partition, offset] of group.offsets.all()) {
    if (isGone(topic, offset)) gone.push({ topic, partition, metadata: "" });
  }
  return change(group, gone, ({ topic, partition }) =>
    // Meanwhile somebody may have committed to a new topic of this name.
    isGone(topic, group.offsets.stagedOfAny(topic, partition)) ? undefined : "as-it-is",
  );
}

/**
 * Lets the committed offsets of a group expire that was empty for longer than the retention. They stay as they are,
 * so that whoever is back knows where the gap begins. Returns why some could not expire, if so.
 */
export async function expireOffsets(
  group: LiveGroup,
  retentionMs: number,
  clock: Clock,
): Promise<MillraceError | undefined> {
  const isDue = () => group.emptySinceMs !== undefined && clock.nowMs() - group.emptySinceMs >= retentionMs;
  if (!isDue()) return undefined;
  const due: OffsetChange[] = [];
  for (const [topic, partition, { committed }] of group.offsets.all()) {
    if (!committed.expired) due.push({ topic, partition, metadata: committed.metadata });
  }
  return change(group, due, ({ topic, partition }) => {
    const now = group.offsets.stagedOfAny(topic, partition);
    if (now === undefined || !isDue()) return "as-it-is";
    return { topicId: now.topicId, committed: { ...now.committed, expired: true } };
  });
}

async function change(
  group: LiveGroup,
  changes: readonly OffsetChange[],
  decide: (change: OffsetChange) => StoredOffset | undefined | "as-it-is",
): Promise<MillraceError | undefined> {
  if (changes.length === 0) return undefined;
  const failures = await storeOffsets(group, changes, decide);
  return failures.find((failure) => failure !== undefined);
}
