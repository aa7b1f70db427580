/**
 * Structured records (a RecordSet) into one record batch, read record by record straight out of the frame, so that
 * a frame of tiny records never becomes a multitude of objects.
 */
import { BATCH_BYTES_MAX, HEADER_KEY_BYTES_MAX, HEADERS_PER_RECORD_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { BatchBuilder, type RecordHeader } from "../record/index.ts";
import { FieldReader, WireFormatError, WireType } from "../wire/index.ts";
import { malformed } from "./malformed-request.ts";
import { invalid, offsetNumber } from "./request-checks.ts";

/** A batch made of structured records. */
export interface StructuredBatch {
  readonly batch: Buffer;
  /** The key of all records, undefined if none has one; "several" if they differ. */
  readonly key: Uint8Array | undefined | "several";
}

interface RecordFields {
  key: Buffer | null;
  value: Buffer | null;
  headers: RecordHeader[] | undefined;
  timestampMs: number | undefined;
}

/**
 * Builds the batch. Records without a timestamp get `nowMs`. Throws INVALID_REQUEST, or BATCH_TOO_LARGE above what
 * any topic may allow; whether the topic allows it is checked with the batch.
 */
export function buildBatch(recordSets: readonly Buffer[], nowMs: number): StructuredBatch {
  const builder = new BatchBuilder({ bytesMax: BATCH_BYTES_MAX, compression: "none" });
  let firstKey: Buffer | null = null;
  let several = false;
  try {
    for (const recordSet of recordSets) {
      const reader = new FieldReader(recordSet);
      while (nextOf(reader, 1)) {
        const record = readRecord(reader.bytes(), builder.recordCount);
        if (builder.recordCount === 0) firstKey = record.key;
        else several ||= !sameKey(firstKey, record.key);
        append(builder, record, nowMs);
      }
    }
  } catch (error) {
    throw error instanceof WireFormatError ? malformed("records", error) : error;
  }
  if (builder.recordCount === 0) throw invalid("the number of records", 0, "at least 1");
  return { batch: builder.build(), key: several ? "several" : (firstKey ?? undefined) };
}

function append(
  builder: BatchBuilder,
  { key, value, headers, timestampMs }: RecordFields,
  nowMs: number,
): void {
  if (builder.append(key, value, timestampMs ?? nowMs, headers)) return;
  throw new MillraceError(
    "BATCH_TOO_LARGE",
    `the records make a batch of more than ${BATCH_BYTES_MAX} bytes, which no topic allows; send fewer at a time`,
    { details: { size: builder.sizeInBytes, max: BATCH_BYTES_MAX } },
  );
}

function readRecord(bytes: Buffer, index: number): RecordFields {
  const record: RecordFields = { key: null, value: null, headers: undefined, timestampMs: undefined };
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.field === 4 && reader.wireType === WireType.VARINT) {
      record.timestampMs = offsetNumber(reader.int64(), `records[${index}].timestamp_ms`);
    } else if (reader.wireType !== WireType.DELIMITED || reader.field > 3) {
      reader.skip(); // the offset is the broker's to give
    } else if (reader.field === 1) {
      record.key = reader.bytes();
    } else if (reader.field === 2) {
      record.value = reader.bytes();
    } else {
      record.headers ??= [];
      if (record.headers.length >= HEADERS_PER_RECORD_MAX) throw tooManyHeaders(index);
      record.headers.push(readHeader(reader.bytes(), index));
    }
  }
  return record;
}

function tooManyHeaders(index: number): MillraceError {
  const field = `the number of records[${index}].headers`;
  return invalid(field, `above ${HEADERS_PER_RECORD_MAX}`, `at most ${HEADERS_PER_RECORD_MAX}`);
}

function readHeader(bytes: Buffer, index: number): RecordHeader {
  let key = "";
  let value: Buffer | null = null;
  const reader = new FieldReader(bytes);
  while (reader.next()) {
    if (reader.wireType !== WireType.DELIMITED || reader.field > 2) reader.skip();
    else if (reader.field === 1) key = reader.string();
    else value = reader.bytes();
  }
  if (key.length > HEADER_KEY_BYTES_MAX / 3 && Buffer.byteLength(key) > HEADER_KEY_BYTES_MAX) {
    throw invalid(`records[${index}].headers.key`, key, `at most ${HEADER_KEY_BYTES_MAX} bytes of UTF-8`);
  }
  return { key, value };
}

/** Goes to the next length-delimited field of that number, passing over all others. */
function nextOf(reader: FieldReader, field: number): boolean {
  while (reader.next()) {
    if (reader.field === field && reader.wireType === WireType.DELIMITED) return true;
    reader.skip();
  }
  return false;
}

function sameKey(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
