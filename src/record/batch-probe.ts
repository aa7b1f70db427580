/**
 * Looks at bytes that may or may not be a batch: what recovery, `log verify` and file reads stand on. Framing and
 * CRC only, never the records: those were checked before they were written.
 */
import { BATCH_BYTES_MAX, OFFSET_MAX } from "../base/index.ts";
import { BATCH_HEADER_BYTES, MAGIC, MAGIC_AT } from "./batch-format.ts";
import { isChecksumRight } from "./batch-checksum.ts";
import { type BatchHeader, readBatchHeader, readBatchSize } from "./batch-header.ts";

/**
 * short-header: fewer than 61 bytes. short-body: the length field promises more than is there. bad-size: a length
 * that no batch has (under a header, above BATCH_BYTES_MAX). bad-offset: a base or last offset outside 0 to 2^53 − 1.
 * bad-count: a count that does not fit the last offset delta.
 */
export type BatchFault =
  | "short-header"
  | "short-body"
  | "bad-size"
  | "bad-magic"
  | "bad-crc"
  | "bad-offset"
  | "bad-count";

/** What was found at a position: a batch, or why it is none. */
export type BatchProbe =
  | { readonly ok: true; readonly header: BatchHeader }
  | {
      readonly ok: false;
      readonly fault: BatchFault;
      /** For people: what was found, and what a batch has there. */
      readonly problem: string;
      /** Bytes of the batch if its length field can be believed: all faults after bad-size. */
      readonly sizeInBytes: number | undefined;
    };

/** Probes the bytes from `position` to `end` (exclusive, default the buffer's end). Never throws. */
export function probeBatch(buffer: Buffer, position: number, end = buffer.length): BatchProbe {
  const there = end - position;
  const size = there < BATCH_HEADER_BYTES ? undefined : readBatchSize(buffer, position);
  if (size === undefined) {
    return fault("short-header", `${there} bytes are left, a batch header has ${BATCH_HEADER_BYTES}`);
  }
  if (size < BATCH_HEADER_BYTES || size > BATCH_BYTES_MAX) {
    const allowed = `${BATCH_HEADER_BYTES} to ${BATCH_BYTES_MAX}`;
    return fault("bad-size", `the length field makes it ${size} bytes, a batch has ${allowed}`);
  }
  const magic = buffer[position + MAGIC_AT]!;
  if (magic !== MAGIC) return fault("bad-magic", `magic is ${magic}, a batch has ${MAGIC}`, size);
  if (size > there) {
    return fault("short-body", `the length field makes it ${size} bytes, ${there} are there`, size);
  }
  if (!isChecksumRight(buffer, position, position + size)) {
    return fault("bad-crc", "the bytes do not match their CRC-32C", size);
  }
  const header = readBatchHeader(buffer, position);
  const { baseOffset, lastOffsetDelta, recordCount } = header;
  if (baseOffset < 0 || baseOffset + lastOffsetDelta > OFFSET_MAX) {
    return fault("bad-offset", `base offset ${baseOffset} lies outside 0 to ${OFFSET_MAX}`, size);
  }
  if (recordCount < 0 || lastOffsetDelta < 0 || recordCount > lastOffsetDelta + 1) {
    const found = `${recordCount} records with a last offset delta of ${lastOffsetDelta}`;
    return fault("bad-count", `${found}; the count must be 0 to the delta + 1`, size);
  }
  return { ok: true, header };
}

function fault(name: BatchFault, problem: string, sizeInBytes?: number): BatchProbe {
  return { ok: false, fault: name, problem, sizeInBytes };
}
