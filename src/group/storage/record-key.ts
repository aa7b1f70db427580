import { StoredFields } from "./stored-fields.ts";

/** What a record of the groups' log is about. */
export type RecordKey =
  | { readonly type: "group"; readonly group: string }
  | { readonly type: "member"; readonly group: string; readonly memberId: string }
  | { readonly type: "assignment"; readonly group: string; readonly memberId: string }
  | { readonly type: "offset"; readonly group: string; readonly topic: string; readonly partition: number };

/** The key as bytes: JSON with the fields in the order of the type. Equal keys have equal bytes. */
export function recordKey(key: RecordKey): Buffer {
  return Buffer.from(JSON.stringify(key));
}

/** Reads a key. Undefined for a type that is not known here: a later version's, which is left alone. Throws LOG_CORRUPT. */
export function readRecordKey(bytes: Buffer): RecordKey | undefined {
  const fields = StoredFields.object(bytes, "key");
  const type = fields.text("type");
  switch (type) {
    case "group":
      return { type, group: fields.text("group") };
    case "member":
    case "assignment":
      return { type, group: fields.text("group"), memberId: fields.text("memberId") };
    case "offset":
      return {
        type,
        group: fields.text("group"),
        topic: fields.text("topic"),
        partition: fields.count("partition"),
      };
    default:
      return undefined;
  }
}
