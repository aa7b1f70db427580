/** The entries of index files, read by the book and apart from the code that writes them (src/log/FORMAT.md). */

/** A batch and its place: 4 bytes offset of its last record relative to the segment, 4 bytes position in the .log. */
export interface OffsetEntry {
  readonly lastOffset: number;
  readonly position: number;
}

/** 8 bytes timestamp, 4 bytes relative offset: the largest timestamp up to that offset. */
export interface TimeEntry {
  readonly timestampMs: number;
  readonly offset: number;
}

export const OFFSET_ENTRY_BYTES = 8;
export const TIME_ENTRY_BYTES = 12;

/** The entry with this number in an .index file of the segment. */
export function offsetEntry(content: Buffer, number: number, baseOffset: number): OffsetEntry {
  const at = number * OFFSET_ENTRY_BYTES;
  return { lastOffset: baseOffset + content.readInt32BE(at), position: content.readInt32BE(at + 4) };
}

/** The entry with this number in a .timeindex file of the segment. */
export function timeEntry(content: Buffer, number: number, baseOffset: number): TimeEntry {
  const at = number * TIME_ENTRY_BYTES;
  return {
    timestampMs: Number(content.readBigInt64BE(at)),
    offset: baseOffset + content.readInt32BE(at + 8),
  };
}
