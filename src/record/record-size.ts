import { sizeOfVarint } from "../base/index.ts";
import type { RecordContent, RecordHeader } from "./record.ts";
import { utf8Length } from "./utf8.ts";

/** Most bytes of a record's frame besides key, value and headers: length, attributes, deltas, lengths, count. */
const FRAME_BYTES_MAX = 5 + 1 + 10 + 5 + 5 + 5 + 5;

/** Bytes of a key or value; −1 for null, as the format writes it. */
export function contentLength(content: RecordContent): number {
  if (content === null || content === undefined) return -1;
  return typeof content === "string" ? utf8Length(content) : content.length;
}

/** Bytes of the headers with their lengths, without their count. */
export function sizeOfHeaders(headers: readonly RecordHeader[]): number {
  let size = 0;
  for (const { key, value } of headers) {
    const keyLength = utf8Length(key);
    size += sizeOfVarint(keyLength) + keyLength;
    size += value === null ? 1 : sizeOfVarint(value.length) + value.length;
  }
  return size;
}

/**
 * Most bytes that a record can take in any batch, the header of a batch of its own not counted: a record fits an
 * empty BatchBuilder if this plus BATCH_HEADER_BYTES is at most the builder's `bytesMax`.
 */
export function recordSizeMax(
  key: RecordContent,
  value: RecordContent,
  headers: readonly RecordHeader[] = [],
): number {
  const contents = Math.max(0, contentLength(key)) + Math.max(0, contentLength(value));
  return FRAME_BYTES_MAX + contents + sizeOfHeaders(headers);
}
