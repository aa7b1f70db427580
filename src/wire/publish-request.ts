/**
 * PublishRequest and ProduceRequest, which have the same fields, with their bytes untouched: the encoder gathers the
 * batch into the frame, the decoder views it there.
 *
 *     1 topic   2 partition   3 records | 4 batch   5 durability      (proto/millrace/v1/log_service.proto)
 */
import { FieldReader, WireType } from "./field-reader.ts";
import { FieldWriter } from "./field-writer.ts";
import { GatherMessage } from "./gather-message.ts";
import { WireFormatError } from "./wire-format-error.ts";

/** Durability by its number in the proto; 0 leaves it to the topic. */
export const DURABILITY_UNSPECIFIED = 0;
export const DURABILITY_WRITTEN = 1;
export const DURABILITY_DURABLE = 2;

/** Most pieces that a RecordSet may come in; protobuf allows to split it, but encoders send one. */
const RECORD_SETS_MAX = 64;

/** One encoded batch to send. */
export interface BatchToSend {
  readonly topic: string;
  readonly partition: number;
  /** The batch, whole or in pieces. Must not change before the request is answered or has failed. */
  readonly batch: Uint8Array | readonly Uint8Array[];
  /** A number of millrace.v1.Durability. Default 0. */
  readonly durability?: number;
}

/** A decoded request; the bytes are views of the frame. */
export interface ProduceFields {
  readonly topic: string;
  readonly partition: number | undefined;
  /** A number of millrace.v1.Durability, unchecked. */
  readonly durability: number;
  /** The encoded batch, if the payload is one. */
  readonly batch: Buffer | undefined;
  /** The RecordSet, if the payload is one: encoded, in as many pieces as it came, to be read one after another. */
  readonly records: readonly Buffer[] | undefined;
  /** Bytes of the frame, all of which live as long as a view of it does. */
  readonly frameBytes: number;
}

/** Encodes a PublishRequest or ProduceRequest that carries a batch, without copying the batch. */
export function encodePublishRequest(request: BatchToSend): GatherMessage {
  const pieces = request.batch instanceof Uint8Array ? [request.batch] : request.batch;
  let batchBytes = 0;
  for (const piece of pieces) batchBytes += piece.byteLength;
  const writer = new FieldWriter(48 + request.topic.length);
  writer.string(1, request.topic);
  writer.int(2, request.partition);
  writer.lengthPrefix(4, batchBytes);
  const head = writer.finish();
  if (!request.durability) return new GatherMessage([head, ...pieces]);
  const tail = new FieldWriter(16);
  tail.int(5, request.durability);
  return new GatherMessage([head, ...pieces, tail.finish()]);
}

/**
 * Decodes a PublishRequest or ProduceRequest. As in every protobuf decoder the last member of the oneof wins, a
 * repeated RecordSet is merged, and unknown fields are dropped. Throws WireFormatError, also above 64 RecordSets.
 */
export function decodePublishRequest(frame: Buffer): ProduceFields {
  let topic = "";
  let partition: number | undefined;
  let durability = 0;
  let batch: Buffer | undefined;
  let records: Buffer[] | undefined;
  const reader = new FieldReader(frame);
  while (reader.next()) {
    const expected = reader.field === 2 || reader.field === 5 ? WireType.VARINT : WireType.DELIMITED;
    if (reader.field > 5 || reader.wireType !== expected) {
      reader.skip();
    } else if (reader.field === 1) {
      topic = reader.string();
    } else if (reader.field === 2) {
      partition = reader.int32();
    } else if (reader.field === 3) {
      if (records === undefined) records = [];
      else if (records.length >= RECORD_SETS_MAX) throw tooManyRecordSets();
      records.push(reader.bytes());
      batch = undefined;
    } else if (reader.field === 4) {
      batch = reader.bytes();
      records = undefined;
    } else {
      durability = reader.int32();
    }
  }
  return { topic, partition, durability, batch, records, frameBytes: frame.length };
}

function tooManyRecordSets(): WireFormatError {
  return new WireFormatError(`a record set in more than ${RECORD_SETS_MAX} pieces`);
}
