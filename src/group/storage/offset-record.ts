/** Committed offsets as records of the groups' log; see FORMAT.md. */
import type { StoredOffset } from "../offsets/committed-offsets.ts";
import type { GroupRecord } from "../ports.ts";
import { type RecordKey, recordKey } from "./record-key.ts";
import { StoredFields, VERSION } from "./stored-fields.ts";

/** Whose offset, and of what. */
export type OffsetKey = Extract<RecordKey, { readonly type: "offset" }>;

/** The record of a committed offset; undefined deletes. */
export function offsetRecord(
  group: string,
  topic: string,
  partition: number,
  offset: StoredOffset | undefined,
): GroupRecord {
  const key = recordKey({ type: "offset", group, topic, partition });
  return { key, value: offset === undefined ? null : encode(offset) };
}

/** Reads the value of a committed offset. Throws LOG_CORRUPT. */
export function readOffset(value: Buffer): StoredOffset {
  const fields = StoredFields.parse(value, "committed offset");
  return {
    topicId: fields.text("topicId"),
    committed: {
      offset: fields.count("offset"),
      metadata: fields.text("metadata"),
      committedAtMs: fields.count("committedAtMs"),
      expired: fields.flag("expired"),
    },
  };
}

function encode({ topicId, committed }: StoredOffset): Buffer {
  const { offset, metadata, committedAtMs, expired } = committed;
  return Buffer.from(JSON.stringify({ v: VERSION, topicId, offset, metadata, committedAtMs, expired }));
}
