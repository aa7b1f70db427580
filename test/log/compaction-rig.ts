import type { LogConfig, PartitionLog } from "../../src/log/index.ts";
import { OffsetMap } from "../../src/log/index.ts";
import { BatchBuilder, type Compression, RecordCursor } from "../../src/record/index.ts";
import type { LogRig } from "./log-rig.ts";

/** Configs of a log that is compacted as soon as anything is dirty. */
export const COMPACTED: Partial<LogConfig> = {
  compacts: true,
  deletes: false,
  dirtyRatioMin: 0,
  segmentBytes: 600,
  indexIntervalBytes: 100,
};

/** A record with a key; value null is a tombstone. */
export interface KeyedRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs?: number;
  /** Value of a header. */
  readonly header?: string | undefined;
}

/** A record as it is read back. */
export interface ReadKeyed {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
  readonly header?: string | undefined;
}

/** How a batch of keyed records is made. */
export interface KeyedBatchOptions {
  readonly compression?: Compression;
  readonly producer?: {
    readonly producerId: number;
    readonly producerEpoch: number;
    readonly baseSequence: number;
  };
}

/** An encoded batch as a producer sends it. Default timestamp: 1,000. */
export function keyedBatch(records: readonly KeyedRecord[], options: KeyedBatchOptions = {}): Buffer {
  const { compression = "none", producer } = options;
  const builder = new BatchBuilder({ bytesMax: 3_000_000, compression });
  for (const { key, value, timestampMs = 1_000, header } of records) {
    const headers = header === undefined ? [] : [{ key: "h", value: Buffer.from(header) }];
    builder.append(key, value, timestampMs, headers);
  }
  return Buffer.from(builder.build(producer));
}

/** Records from texts: "a=1" sets, "a" is a tombstone, "=1" has no key. */
export function keyed(...texts: readonly string[]): KeyedRecord[] {
  return texts.map((text) => {
    const at = text.indexOf("=");
    if (at < 0) return { key: text, value: null };
    return { key: at === 0 ? null : text.slice(0, at), value: text.slice(at + 1) };
  });
}

/** Everything readable from an offset on, in steps of `maxBytes`, held against what reads promise. */
export async function readKeyed(
  log: PartitionLog,
  from: number = log.logStartOffset,
  maxBytes = 1_000_000,
): Promise<ReadKeyed[]> {
  const records: ReadKeyed[] = [];
  for (let offset = from; offset < log.highWatermark; ) {
    const { chunks, nextOffset, recordCount } = await log.read(offset, maxBytes);
    if (nextOffset <= offset) throw new Error(`reading at ${offset} does not advance`);
    const found = keyedIn(chunks).filter((record) => record.offset >= offset);
    if (found.length > recordCount)
      throw new Error(`${found.length} records at ${offset}, ${recordCount} told`);
    records.push(...found);
    offset = nextOffset;
  }
  return records;
}

/** The records of whole batches. */
export function keyedIn(chunks: readonly Buffer[]): ReadKeyed[] {
  const cursor = new RecordCursor();
  const records: ReadKeyed[] = [];
  const text = (bytes: Buffer | null) => (bytes === null ? null : String(bytes));
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += chunk.readInt32BE(at + 8) + 12) {
      cursor.reset(chunk, at);
      while (cursor.next()) {
        const { offset, key, value, timestampMs, headers } = cursor;
        const [header] = headers;
        const fields = { offset, key: text(key), value: text(value), timestampMs };
        records.push(header === undefined ? fields : { ...fields, header: String(header.value) });
      }
    }
  }
  return records;
}

/** "offset:key=value" of each record. */
export async function textsOf(log: PartitionLog, from?: number): Promise<string[]> {
  return (await readKeyed(log, from)).map(textOf);
}

/** "offset:key=value"; a tombstone has no "=". */
export function textOf({ offset, key, value }: ReadKeyed): string {
  return `${offset}:${key ?? ""}${value === null ? "" : `=${value}`}`;
}

/** A map with room for so many keys; at least 48. */
export function offsetMap(keys = 3_000): OffsetMap {
  return new OffsetMap({ bytesMax: 32 * 2 ** Math.ceil(Math.log2(keys / 0.75)), secret: "0".repeat(32) });
}

/** Cleans once. */
export async function clean(log: PartitionLog, offsets: OffsetMap = offsetMap()) {
  return log.cleaner.clean({ offsets });
}

/** Seals what was written, so that it can be cleaned: the next record begins a segment. */
export async function seal(rig: LogRig, log: PartitionLog): Promise<void> {
  const { config } = log;
  log.reconfigure({ ...config, segmentMs: 1 });
  rig.clock.advance(10);
  await log.append(keyedBatch([{ key: "seal", value: "x" }]), undefined);
  log.reconfigure(config);
}

/** Appends records of such texts in one batch. */
export function append(log: PartitionLog, ...texts: readonly string[]) {
  return log.append(keyedBatch(keyed(...texts)), undefined);
}
