import {
  baseOffsetOfLogName,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  SWAP_SUFFIX,
  TIME_INDEX_SUFFIX,
} from "../segment-names.ts";
import type { LogEnvironment } from "../types.ts";

/**
 * Finishes swaps that a crash cut short: a `.swap` file is whole and durable, so it takes its place. Segments that it
 * replaces beside the one of its name are left to recovery, which finds their offsets in it.
 */
export async function finishSwaps({ fs, logger }: LogEnvironment, folder: string): Promise<void> {
  let isChanged = false;
  for (const { name, kind } of await fs.list(folder)) {
    const logName = name.endsWith(SWAP_SUFFIX) ? name.slice(0, -SWAP_SUFFIX.length) : "";
    if (kind !== "file" || baseOffsetOfLogName(logName) === undefined) continue;
    logger.info({ segment: `${folder}/${logName}` }, "finishing the swap of a cleaned segment");
    const stem = `${folder}/${logName.slice(0, -LOG_SUFFIX.length)}`;
    for (const suffix of [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX]) await fs.remove(stem + suffix);
    await fs.rename(`${folder}/${name}`, `${folder}/${logName}`);
    isChanged = true;
  }
  if (isChanged) await fs.syncDirectory(folder);
}
