/** What a reader is delivered, as the message of its call, with what is charged for it. */
import type { Assignment, Delivered, ReadResult } from "../broker/index.ts";
import { encodeDelivery, type GatherMessage, type RecordContent } from "../wire/index.ts";
import type { RecordForm } from "./fetch.ts";
import { STRUCTURED_BYTES_MAX, StructuredRecords } from "./structured-records.ts";

/** Number of Delivery.records. */
const RECORDS_FIELD = 9;

/** A delivery that can be written. */
export interface DeliveryMessage {
  readonly message: GatherMessage;
  readonly charge: Omit<Delivered, "ready">;
  /** To be called when the transport needs the message no longer. */
  readonly taken: (() => void) | undefined;
}

/** Encodes what was read, or its beginning. Throws MillraceError if it cannot be delivered in that form. */
export function deliveryMessage(
  call: "subscribe" | "consume",
  form: RecordForm,
  assignment: Assignment,
  read: ReadResult,
): DeliveryMessage {
  const { content, charge, taken } = form === "batches" ? wholeBatches(read) : someRecords(read);
  const message = encodeDelivery(call, {
    ...assignment,
    logStartOffset: read.logStartOffset,
    highWatermark: read.highWatermark,
    nextOffset: charge.nextOffset,
    chargedRecords: charge.recordCount,
    chargedBytes: charge.bytes,
    content,
  });
  return { message, charge, taken };
}

interface Content extends Omit<DeliveryMessage, "message"> {
  readonly content: RecordContent;
}

function wholeBatches({ chunks, nextOffset, recordCount, bytes, release }: ReadResult): Content {
  return { content: { form: "batches", chunks }, charge: { nextOffset, recordCount, bytes }, taken: release };
}

/** One piece of bounded size, made in this turn: nothing of what was read or decompressed waits for the client. */
function someRecords(read: ReadResult): Content {
  const records = new StructuredRecords(read, read.offset, RECORDS_FIELD);
  const { fields, recordCount, nextOffset } = records.take(STRUCTURED_BYTES_MAX);
  read.release?.();
  const share = (nextOffset - read.offset) / (read.nextOffset - read.offset);
  const charge = { nextOffset, recordCount, bytes: Math.ceil(read.bytes * share) };
  return { content: { form: "records", fields }, charge, taken: undefined };
}
