/**
 * SubscribeResponse and ConsumeResponse with a Delivery, its batches (or already encoded records) gathered into the
 * frame. Decoding is the generated code's: it views `batches` in the frame as well.
 */
import { FieldWriter } from "./field-writer.ts";
import { GatherMessage } from "./gather-message.ts";

/** The fields of millrace.v1.Delivery. */
export interface DeliveryToSend {
  readonly topic: string;
  readonly partition: number;
  readonly assignmentId: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly nextOffset: number;
  readonly chargedRecords: number;
  readonly chargedBytes: number;
  readonly content: RecordContent;
}

/** Records as they travel: whole batches, or structured records that are encoded as fields already. */
export type RecordContent =
  | { readonly form: "batches"; readonly chunks: readonly Uint8Array[] }
  | { readonly form: "records"; readonly fields: Uint8Array };

/** Number of the field `delivery` in the response of each call that delivers. */
const DELIVERY_FIELD = { subscribe: 1, consume: 3 } as const;

/** Encodes the response with a delivery of that call; the chunks must not change until it was written. */
export function encodeDelivery(call: keyof typeof DELIVERY_FIELD, delivery: DeliveryToSend): GatherMessage {
  const inner = new FieldWriter(96 + delivery.topic.length);
  inner.string(1, delivery.topic);
  inner.intUnlessZero(2, delivery.partition);
  inner.intUnlessZero(3, delivery.assignmentId);
  inner.intUnlessZero(4, delivery.logStartOffset);
  inner.intUnlessZero(5, delivery.highWatermark);
  inner.intUnlessZero(6, delivery.nextOffset);
  inner.intUnlessZero(7, delivery.chargedRecords);
  inner.intUnlessZero(8, delivery.chargedBytes);
  const content = beginContent(inner, 10, delivery.content);
  const outer = new FieldWriter(16);
  outer.lengthPrefix(DELIVERY_FIELD[call], inner.length + contentLength(delivery.content));
  return new GatherMessage([outer.finish(), inner.finish(), ...content]);
}

/** Bytes of the content itself, without the prefix of a `batches` field. */
export function contentLength(content: RecordContent): number {
  if (content.form === "records") return content.fields.byteLength;
  let bytes = 0;
  for (const chunk of content.chunks) bytes += chunk.byteLength;
  return bytes;
}

/** Writes the prefix of a `batches` field where there is one, and returns the pieces that must follow. */
export function beginContent(
  writer: FieldWriter,
  batchesField: number,
  content: RecordContent,
): readonly Uint8Array[] {
  if (content.form === "records") return [content.fields];
  const bytes = contentLength(content);
  if (bytes > 0) writer.lengthPrefix(batchesField, bytes);
  return content.chunks;
}
