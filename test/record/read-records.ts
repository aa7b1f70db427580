import { RecordCursor, type RecordHeader } from "../../src/record/index.ts";

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

/** All that a cursor gives for a batch. */
export function readRecords(batch: Buffer, position = 0): ReadRecord[] {
  const cursor = new RecordCursor();
  cursor.reset(batch, position);
  const records: ReadRecord[] = [];
  while (cursor.next()) {
    const { offset, timestampMs, key, value, headers } = cursor;
    records.push({ offset, timestampMs, key, value, headers });
  }
  return records;
}
