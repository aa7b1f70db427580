/** A name and a value that travel with a record. Names may repeat; order is kept. */
export interface RecordHeader {
  /** At most HEADER_KEY_BYTES_MAX bytes of UTF-8; may be empty. */
  readonly key: string;
  /** null differs from empty. */
  readonly value: Uint8Array | null;
}

/** Bytes, or text that becomes UTF-8; null and undefined both mean null. */
export type RecordContent = Uint8Array | string | null | undefined;

/** A record before it has an offset. */
export interface ProducerRecordFields {
  readonly key: RecordContent;
  /** null is a tombstone in compacted topics. */
  readonly value: RecordContent;
  readonly headers?: readonly RecordHeader[];
  /** Milliseconds since the Unix epoch, 0 to 2^53 − 1. */
  readonly timestampMs: number;
}
