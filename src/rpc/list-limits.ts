/** Counts the items of a request's lists before it is decoded: two bytes each, a frame may hold millions of objects. */
import { FieldReader, WireFormatError, WireType } from "../wire/index.ts";

/** By field number: the most items of a list of messages or strings, or the lists inside an embedded message. */
export interface ListLimits {
  readonly [field: number]: number | ListLimits;
}

/** The decoder, for frames whose lists keep the limits; others are refused with a WireFormatError. */
export function limitingLists<Request>(
  decode: (frame: Buffer) => Request,
  limits: ListLimits,
): (frame: Buffer) => Request {
  return (frame) => {
    requireLimits(frame, limits);
    return decode(frame);
  };
}

function requireLimits(bytes: Buffer, limits: ListLimits): void {
  const reader = new FieldReader(bytes);
  const counts = new Map<number, number>();
  while (reader.next()) {
    const { field, wireType } = reader;
    const limit = limits[field];
    if (typeof limit === "object" && wireType === WireType.DELIMITED) {
      requireLimits(reader.bytes(), limit);
      continue;
    }
    reader.skip();
    if (typeof limit !== "number") continue;
    const count = (counts.get(field) ?? 0) + 1;
    if (count > limit) throw new WireFormatError(`more than ${limit} items in a list`);
    counts.set(field, count);
  }
}
