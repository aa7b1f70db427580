import { MillraceError } from "../../errors/index.ts";
import type { CommittedOffset, CommitCommand, CommitResult, OffsetCommit } from "../types.ts";
import type { TopicCatalogue } from "../ports.ts";
import { type OffsetsOfGroup, storeOffsets } from "../storage/store-offsets.ts";

/** What a commit needs of its group. */
export interface CommittingGroup extends OffsetsOfGroup {
  /** Why this offset is refused by its member's epoch; see Group.mayCommit. */
  mayCommit(command: CommitCommand, offset: OffsetCommit): MillraceError | undefined;
}

/** What a commit needs beside. */
export interface CommitParts {
  readonly catalogue: Pick<TopicCatalogue, "topic" | "bounds">;
  readonly nowMs: number;
  /** No more memory may be taken. */
  readonly isFull: boolean;
}

interface Accepted extends OffsetCommit {
  /** Place in the command. */
  readonly index: number;
  readonly topicId: string;
}

/** Commits what may be committed; one result for each offset of the command, in order. Throws OVERLOADED. */
export async function commitOffsets(
  group: CommittingGroup,
  command: CommitCommand,
  { catalogue, nowMs, isFull }: CommitParts,
): Promise<CommitResult[]> {
  const accepted: Accepted[] = [];
  const results = command.offsets.map((commit, index): CommitResult => {
    const refusal = group.mayCommit(command, commit) ?? outsideLog(commit, catalogue);
    if (refusal !== undefined) return refusal;
    if (isFull && group.offsets.wouldGrow(commit.topic, commit.partition, commit.metadata))
      return full(group);
    accepted.push({ ...commit, index, topicId: catalogue.topic(commit.topic)?.topicId ?? "" });
    return commit.offset;
  });
  const failures = await storeOffsets(group, accepted, (commit) => {
    const { topic, topicId, partition, offset, metadata, index } = commit;
    const now = group.offsets.staged(topic, topicId, partition);
    if (now !== undefined && leavesHigher(now, commit)) {
      results[index] = now.offset;
      return "as-it-is";
    }
    return { topicId, committed: { offset, metadata, committedAtMs: nowMs, expired: false } };
  });
  for (const [number, failure] of failures.entries()) {
    if (failure !== undefined) results[accepted[number]!.index] = failure;
  }
  return results;
}

function full({ name }: CommittingGroup): MillraceError {
  const text = `the broker has no memory left for more committed offsets, as for group ${name}; delete groups that are not needed`;
  return new MillraceError("OVERLOADED", text, { details: { group: name } });
}

/** An offset that has expired holds nobody up who goes on below it by their gap policy. */
function leavesHigher(now: CommittedOffset, { offset, rewind }: OffsetCommit): boolean {
  return !rewind && !now.expired && offset < now.offset;
}

function outsideLog(
  { topic, partition, offset }: OffsetCommit,
  catalogue: CommitParts["catalogue"],
): MillraceError | undefined {
  const bounds = catalogue.bounds(topic, partition);
  if (bounds instanceof MillraceError) return bounds;
  const { logStartOffset, highWatermark } = bounds;
  if (offset <= highWatermark) return undefined;
  return new MillraceError(
    "OFFSET_OUT_OF_RANGE",
    `offset ${offset} cannot be committed: partition ${topic}-${partition} ends at ${highWatermark}; commit the offset after the last record that was read`,
    { details: { offset, log_start_offset: logStartOffset, high_watermark: highWatermark } },
  );
}
