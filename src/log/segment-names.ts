/** Names of the files of a partition folder, as Kafka gives them. */

export const LOG_SUFFIX = ".log";
export const OFFSET_INDEX_SUFFIX = ".index";
export const TIME_INDEX_SUFFIX = ".timeindex";
export const SNAPSHOT_SUFFIX = ".snapshot";
/** Marks a cleaned segment that is being written; it does not count yet. */
export const CLEANED_SUFFIX = ".cleaned";
/** Marks a cleaned segment that is whole and replaces those whose offsets it holds. */
export const SWAP_SUFFIX = ".swap";
/** Marks a file or folder whose removal is due; it no longer counts. */
export const DELETED_SUFFIX = ".deleted";

const LOG_NAME = /^(\d{20})\.log$/;
const SNAPSHOT_NAME = /^(\d{20})\.snapshot$/;

/** The base offset as 20 digits, so that names sort as numbers. */
export function segmentStem(baseOffset: number): string {
  return String(baseOffset).padStart(20, "0");
}

/** The base offset that a log file's name tells, or undefined for any other name. */
export function baseOffsetOfLogName(name: string): number | undefined {
  return offsetOf(LOG_NAME, name);
}

/** The offset of a snapshot of producers, or undefined for any other name. */
export function snapshotOffsetOf(name: string): number | undefined {
  return offsetOf(SNAPSHOT_NAME, name);
}

function offsetOf(pattern: RegExp, name: string): number | undefined {
  const digits = pattern.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const baseOffset = Number(digits);
  return Number.isSafeInteger(baseOffset) ? baseOffset : undefined;
}
