import { Segment } from "./segment.ts";
import { finishSwaps } from "./compaction/finish-swaps.ts";
import {
  baseOffsetOfLogName,
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  LOG_SUFFIX,
  snapshotOffsetOf,
} from "./segment-names.ts";
import type { LogEnvironment } from "./types.ts";

/** Where segments are looked for. */
export interface SegmentSearch {
  readonly env: LogEnvironment;
  readonly folder: string;
  readonly indexIntervalBytes: () => number;
}

/** The segments of a folder by offset. Finishes what was interrupted; strange files are left alone. */
export async function findSegments(search: SegmentSearch): Promise<Segment[]> {
  const { env, folder } = search;
  await finishSwaps(env, folder);
  const segments: Segment[] = [];
  for (const { name, kind } of await env.fs.list(folder)) {
    if (kind !== "file") continue;
    if (isOwnLeftover(name)) {
      await env.fs.remove(`${folder}/${name}`);
      continue;
    }
    const baseOffset = baseOffsetOfLogName(name);
    if (baseOffset === undefined) continue;
    const segment = new Segment(env, folder, baseOffset, search.indexIntervalBytes);
    segment.sizeBytes = (await env.fs.fileSize(segment.log.path)) ?? 0;
    segments.push(segment);
  }
  return segments.sort((a, b) => a.baseOffset - b.baseOffset);
}

function isOwnLeftover(name: string): boolean {
  const stem = name.slice(0, 20);
  return (
    (name.endsWith(DELETED_SUFFIX) && baseOffsetOfLogName(stem + LOG_SUFFIX) !== undefined) ||
    (name.endsWith(CLEANED_SUFFIX) &&
      baseOffsetOfLogName(name.slice(0, -CLEANED_SUFFIX.length)) !== undefined) ||
    (name.endsWith(".tmp") && snapshotOffsetOf(name.slice(0, -".tmp".length)) !== undefined) ||
    name === "leader-epoch-checkpoint.tmp" ||
    name === "partition.metadata.tmp"
  );
}
