import { BatchBuilder, RecordCursor } from "../../src/record/index.ts";

/** A record as it is read back. */
export interface ReadRecord {
  readonly offset: number;
  readonly value: string;
  readonly timestampMs: number;
}

/** What a batch is made of, beside its values. */
export interface BatchOptions {
  /** Of each record, or of all. Default 1,000. */
  readonly timestampsMs?: number | readonly number[];
  readonly producer?: {
    readonly producerId: number;
    readonly producerEpoch: number;
    readonly baseSequence: number;
  };
}

/** An encoded batch as a producer sends it. */
export function batchOf(values: readonly string[], options: BatchOptions = {}): Buffer {
  const { timestampsMs = 1_000, producer } = options;
  const builder = new BatchBuilder({ bytesMax: 3_000_000 });
  for (const [index, value] of values.entries()) {
    const timestampMs = typeof timestampsMs === "number" ? timestampsMs : timestampsMs[index]!;
    builder.append(null, value, timestampMs);
  }
  return Buffer.from(builder.build(producer));
}

/** The records of whole batches, from `from` on. */
export function recordsIn(chunks: readonly Buffer[], from = 0): ReadRecord[] {
  const cursor = new RecordCursor();
  const records: ReadRecord[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += chunk.readInt32BE(at + 8) + 12) {
      cursor.reset(chunk, at);
      while (cursor.next()) {
        const { offset, timestampMs } = cursor;
        if (offset >= from) records.push({ offset, value: String(cursor.value), timestampMs });
      }
    }
  }
  return records;
}

/** A log, or anything that reads like one. */
interface Readable {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  read(
    offset: number,
    maxBytes: number,
  ): Promise<{ readonly chunks: readonly Buffer[]; readonly nextOffset: number }>;
}

/** Everything from the log start (or `from`) to the high watermark, read in steps of `maxBytes`. */
export async function readAll(
  log: Readable,
  maxBytes = 1_000_000,
  from: number = log.logStartOffset,
): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  for (let offset = from; offset < log.highWatermark; ) {
    const { chunks, nextOffset } = await log.read(offset, maxBytes);
    if (nextOffset <= offset) throw new Error(`reading at ${offset} does not advance`);
    records.push(...recordsIn(chunks, offset));
    offset = nextOffset;
  }
  return records;
}

/** The values of all readable records. */
export async function valuesOf(log: Readable): Promise<string[]> {
  return (await readAll(log)).map(({ value }) => value);
}
