/** FetchResponse, its batches gathered into the frame. Decoding is the generated code's. */
import { beginContent, contentLength, type RecordContent } from "./delivery.ts";
import { FieldWriter } from "./field-writer.ts";
import { GatherMessage } from "./gather-message.ts";

/** The fields of millrace.v1.FetchedPartition. */
export interface FetchedPartitionToSend {
  readonly topic: string;
  readonly partition: number;
  /** An encoded google.rpc.Status, if the partition could not be read; everything below is then left out. */
  readonly error?: Uint8Array;
  readonly logStartOffset?: number;
  readonly highWatermark?: number;
  readonly nextOffset?: number;
  readonly content?: RecordContent;
}

const NO_CONTENT: RecordContent = { form: "records", fields: new Uint8Array(0) };

/** Encodes a FetchResponse; the chunks must not change until it was written. */
export function encodeFetchResponse(partitions: readonly FetchedPartitionToSend[]): GatherMessage {
  const pieces: Uint8Array[] = [];
  for (const part of partitions) {
    const inner = new FieldWriter(96 + part.topic.length);
    inner.string(1, part.topic);
    inner.intUnlessZero(2, part.partition);
    if (part.error !== undefined) inner.bytes(3, part.error);
    inner.intUnlessZero(4, part.logStartOffset ?? 0);
    inner.intUnlessZero(5, part.highWatermark ?? 0);
    inner.intUnlessZero(6, part.nextOffset ?? 0);
    const content = part.content ?? NO_CONTENT;
    const following = beginContent(inner, 8, content);
    const outer = new FieldWriter(16);
    outer.lengthPrefix(1, inner.length + contentLength(content));
    pieces.push(outer.finish(), inner.finish(), ...following);
  }
  return new GatherMessage(pieces);
}
