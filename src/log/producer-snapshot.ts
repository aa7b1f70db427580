/**
 * What a log knows of its producers, as bytes of a `<offset>.snapshot`; the drawing is in FORMAT.md. Kafka's file of
 * that name holds the last batch of each producer only; here it is the newest 32.
 */
import {
  crc32c,
  readInt16,
  readInt32,
  readInt64,
  readUint32,
  writeInt16,
  writeInt32,
  writeInt64,
} from "../base/index.ts";

/** A batch that the log has, by its sequences. */
export interface KnownBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  /** Largest timestamp of the batch; the append time where the topic stamps that. */
  readonly timestampMs: number;
}

/** What is known of one producer. */
export interface Producer {
  readonly epoch: number;
  /** When it appended last, by the broker's clock. */
  readonly lastUsedMs: number;
  /** Oldest first, 1 to 32. */
  readonly batches: readonly KnownBatch[];
}

/** What was known when the log ended at `offset`. */
export interface ProducerSnapshot {
  readonly offset: number;
  /** Leader epoch of the last batch below the offset: tells a log that was cut and grew again from this one. */
  readonly leaderEpoch: number;
  readonly producers: ReadonlyMap<number, Producer>;
}

const VERSION = 1;
const HEADER_BYTES = 22;
const PRODUCER_BYTES = 20;
const BATCH_BYTES = 24;
const CHECKED_FROM = 6;

/** The bytes of a snapshot. */
export function encodeSnapshot({ offset, leaderEpoch, producers }: ProducerSnapshot): Buffer {
  let size = HEADER_BYTES;
  for (const { batches } of producers.values()) size += PRODUCER_BYTES + BATCH_BYTES * batches.length;
  const bytes = Buffer.alloc(size);
  writeInt16(bytes, 0, VERSION);
  writeInt64(bytes, 6, offset);
  writeInt32(bytes, 14, leaderEpoch);
  writeInt32(bytes, 18, producers.size);
  let at = HEADER_BYTES;
  for (const [id, producer] of producers) at = writeProducer(bytes, at, id, producer);
  writeInt32(bytes, 2, crc32c(bytes.subarray(CHECKED_FROM)));
  return bytes;
}

/** The snapshot that the bytes hold; undefined if they are not whole and right. */
export function decodeSnapshot(bytes: Buffer): ProducerSnapshot | undefined {
  if (bytes.length < HEADER_BYTES || readInt16(bytes, 0) !== VERSION) return undefined;
  if (readUint32(bytes, 2) !== crc32c(bytes.subarray(CHECKED_FROM))) return undefined;
  const producers = new Map<number, Producer>();
  let at = HEADER_BYTES;
  for (let left = readInt32(bytes, 18); left > 0; left--) {
    const batches: KnownBatch[] = [];
    const batchesAt = at + PRODUCER_BYTES;
    const end = batchesAt + BATCH_BYTES * readInt16(bytes, at + 18);
    for (let batchAt = batchesAt; batchAt < end; batchAt += BATCH_BYTES)
      batches.push(readBatch(bytes, batchAt));
    const epoch = readInt16(bytes, at + 8);
    producers.set(readInt64(bytes, at), { epoch, lastUsedMs: readInt64(bytes, at + 10), batches });
    at = end;
  }
  return { offset: readInt64(bytes, 6), leaderEpoch: readInt32(bytes, 14), producers };
}

function writeProducer(bytes: Buffer, start: number, id: number, producer: Producer): number {
  const { epoch, lastUsedMs, batches } = producer;
  writeInt64(bytes, start, id);
  writeInt16(bytes, start + 8, epoch);
  writeInt64(bytes, start + 10, lastUsedMs);
  writeInt16(bytes, start + 18, batches.length);
  let at = start + PRODUCER_BYTES;
  for (const batch of batches) {
    writeInt32(bytes, at, batch.firstSequence);
    writeInt32(bytes, at + 4, batch.lastSequence);
    writeInt64(bytes, at + 8, batch.baseOffset);
    writeInt64(bytes, at + 16, batch.timestampMs);
    at += BATCH_BYTES;
  }
  return at;
}

function readBatch(bytes: Buffer, at: number): KnownBatch {
  return {
    firstSequence: readInt32(bytes, at),
    lastSequence: readInt32(bytes, at + 4),
    baseOffset: readInt64(bytes, at + 8),
    timestampMs: readInt64(bytes, at + 16),
  };
}
