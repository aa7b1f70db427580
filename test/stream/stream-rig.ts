import type { LogConfig, PartitionLog } from "../../src/log/index.ts";
import { BatchBuilder, type RecordHeader } from "../../src/record/index.ts";
import {
  type AppendEventsCommand,
  type IndexStore,
  MemoryIndexStore,
  type NewEvent,
  type ReadStreamQuery,
  StreamIndex,
  Streams,
  type StreamEvent,
} from "../../src/stream/index.ts";
import { LogRig, type RigOptions } from "../log/log-rig.ts";

export const TOPIC_ID = "0123456789abcdef0123456789abcdef";
const TOPIC = "orders";

/** What a rig of streams is built of. */
export interface StreamRigOptions extends RigOptions {
  readonly store?: IndexStore;
  readonly tailBytesMax?: number;
}

/** One log with its streams, which may be closed and opened again. */
export class StreamRig {
  readonly logs: LogRig;
  store: IndexStore;
  log!: PartitionLog;
  index!: StreamIndex;
  streams!: Streams;
  readonly #options: StreamRigOptions;

  constructor(options: StreamRigOptions = {}, logs?: LogRig) {
    this.#options = options;
    this.logs = logs ?? new LogRig(options);
    this.store = options.store ?? new MemoryIndexStore();
  }

  static async open(options: StreamRigOptions = {}): Promise<StreamRig> {
    const rig = new StreamRig(options);
    await rig.open();
    return rig;
  }

  async open(): Promise<void> {
    this.log = await this.logs.open();
    this.openIndex();
  }

  openIndex(): void {
    const { clock } = this.logs;
    const { logger } = this.logs.env;
    this.index = new StreamIndex({
      store: this.store,
      clock,
      logger,
      writeIntervalMs: 0,
      ...(this.#options.tailBytesMax === undefined ? {} : { tailBytesMax: this.#options.tailBytesMax }),
    });
    const { log } = this;
    this.index.follow({
      topic: TOPIC,
      topicId: TOPIC_ID,
      partition: 0,
      leaderEpoch: this.logs.leaderEpoch,
      log,
    });
    const topics = { partitionCount: () => 1, log: () => log };
    this.streams = new Streams({ index: this.index, topics, clock });
  }

  async close(): Promise<void> {
    await this.index.close();
    await this.log.close();
  }

  /** Another config from the next open on. */
  configure(config: Partial<LogConfig>): void {
    this.logs.config = { ...this.logs.config, ...config };
  }

  append(stream: string, values: readonly (string | null)[], options: Partial<AppendEventsCommand> = {}) {
    return this.streams.append({
      topic: TOPIC,
      stream: Buffer.from(stream),
      expected: "any",
      events: values.map((value) => event(value)),
      idempotencyKey: undefined,
      snapshotRevision: undefined,
      missedMax: 0,
      durability: undefined,
      ...options,
    });
  }

  /** Appends as a producer that knows nothing of streams. */
  produce(records: readonly PlainRecord[]) {
    return this.log.append(plainBatch(records), undefined);
  }

  async reading(stream: string, options: Partial<ReadStreamQuery> = {}) {
    return this.streams.read({
      topic: TOPIC,
      stream: Buffer.from(stream),
      direction: "forwards",
      fromRevision: undefined,
      maxEvents: undefined,
      fromSnapshot: false,
      ...options,
    });
  }

  async read(stream: string, options: Partial<ReadStreamQuery> = {}) {
    const reading = await this.reading(stream, options);
    const events: StreamEvent[] = [];
    for (let page = await reading.next(); page !== undefined; page = await reading.next())
      events.push(...page);
    return { info: reading.info, events };
  }
}

/** A record of a plain producer. */
export interface PlainRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers?: readonly RecordHeader[];
}

/** An event with nothing but a value. */
export function event(value: string | null, type?: string): NewEvent {
  return { type, value: value === null ? null : Buffer.from(value), headers: [], timestampMs: undefined };
}

/** A batch as a producer sends it. */
export function plainBatch(records: readonly PlainRecord[]): Buffer {
  const builder = new BatchBuilder({ bytesMax: 3_000_000 });
  for (const { key, value, headers = [] } of records) builder.append(key, value, 1_000, headers);
  return Buffer.from(builder.build());
}

/** Revisions and values, short enough to compare. */
export function summary(events: readonly StreamEvent[]): string[] {
  return events.map(({ revision, value, isSnapshot }) => `${isSnapshot ? "s" : ""}${revision}:${value}`);
}
