import { MillraceError } from "../../errors/index.ts";
import { recordSizeMax } from "../../record/index.ts";
import type { Producer, ProducerRecord, ProducerStats, RecordReceipt } from "../api/producer.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { recordReceipt } from "./batch-receipt.ts";
import type { OutgoingBatch } from "./outgoing-batch.ts";
import { ProducerCore } from "./producer-core.ts";
import { bufferFull, producerClosed, writeIgnoredFalse } from "./producer-errors.ts";
import { ownedRecord, requireRecord } from "./producer-records.ts";
import type { ProducerSettings } from "./producer-settings.ts";
import { TopicQueues } from "./topic-queues.ts";
import { TopicResolver } from "./topic-resolver.ts";
import { TurnClock } from "./turn-clock.ts";
import { WaitingLine } from "./waiting-line.ts";

/** Encodes records into batches as they come and has them sent; see Producer. */
export class BatchingProducer implements Producer {
  readonly #settings: ProducerSettings;
  readonly #core: ProducerCore;
  readonly #resolver: TopicResolver;
  readonly #turnClock: TurnClock;
  readonly #topics = new Map<string, TopicQueues>();
  /** Topics with a line of waiting records. */
  readonly #crowded = new Set<TopicQueues>();
  /** Those that wait for `ready`. */
  readonly #readyLine: WaitingLine;
  /** Bytes of records that `write` took and that wait in lines. */
  #waitingBytes = 0;
  /** First failure of a written record since the last flush. */
  #failure: MillraceError | undefined;
  #closing: Promise<void> | undefined;
  readonly #onClosed: () => void;

  constructor(cluster: Cluster, settings: ProducerSettings, onClosed: () => void) {
    this.#onClosed = onClosed;
    this.#settings = settings;
    this.#core = new ProducerCore(cluster, settings, {
      onRoom: () => this.#advance(),
      onFailed: (batch, error) => this.#onFailed(batch, error),
      onMetadata: (metadata) => this.#topics.get(metadata.name)?.learn(metadata),
    });
    this.#turnClock = new TurnClock(cluster.clock);
    this.#resolver = new TopicResolver(cluster, (error) => this.#core.retrying(error));
    this.#readyLine = new WaitingLine(cluster.clock, {
      expired: () => bufferFull(settings),
      emptied: () => {},
    });
  }

  send(topic: string, record: ProducerRecord): Promise<RecordReceipt> {
    try {
      const queues = this.#queuesFor(topic, record);
      const timestampMs = record.timestampMs ?? this.#turnClock.nowMs();
      const batch = queues.line.isEmpty ? queues.append(record, timestampMs) : undefined;
      this.#core.tally.records++;
      return batch ? receiptOfLast(batch, timestampMs) : this.#sendLater(queues, record, timestampMs);
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  write(topic: string, record: ProducerRecord): boolean {
    const queues = this.#queuesFor(topic, record);
    const timestampMs = record.timestampMs ?? this.#turnClock.nowMs();
    const batch = queues.line.isEmpty ? queues.append(record, timestampMs) : undefined;
    if (batch) batch.writtenRecords++;
    else this.#writeLater(queues, record, timestampMs);
    this.#core.tally.records++;
    return this.#isReady;
  }

  ready(): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    if (this.#settings.lingerMs > 0) this.#hurry();
    return new Promise((resolve, reject) => {
      this.#readyLine.join({
        expiresMs: this.#blockedUntilMs(),
        admit: () => {
          if (this.#isReady) resolve();
          return this.#isReady;
        },
        fail: reject,
      });
    });
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#crowded].map(endOfLine));
    this.#hurry();
    await Promise.allSettled(this.#core.outstanding.map((batch) => batch.settled));
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  close(): Promise<void> {
    this.#closing ??= this.flush().finally(() => {
      this.#core.close();
      this.#onClosed();
    });
    return this.#closing;
  }

  get stats(): ProducerStats {
    return this.#core.tally.stats(this.#core.bufferedBytes + this.#waitingBytes);
  }

  get #isReady(): boolean {
    return this.#core.hasRoom && this.#crowded.size === 0;
  }

  #queuesFor(topic: string, record: ProducerRecord): TopicQueues {
    if (this.#closing) throw producerClosed();
    requireRecord(record);
    return this.#topics.get(topic) ?? this.#addTopic(topic);
  }

  #addTopic(topic: string): TopicQueues {
    const queues: TopicQueues = new TopicQueues(this.#core, topic, {
      expired: () => queues.lastFailure ?? bufferFull(this.#settings),
      emptied: () => this.#onEmptied(queues),
    });
    this.#topics.set(topic, queues);
    return queues;
  }

  #sendLater(queues: TopicQueues, record: ProducerRecord, timestampMs: number): Promise<RecordReceipt> {
    return new Promise((resolve, reject) => {
      this.#wait(queues, {
        append: () => {
          const batch = queues.append(record, timestampMs);
          if (batch) resolve(receiptOfLast(batch, timestampMs));
          return batch !== undefined;
        },
        fail: reject,
      });
    });
  }

  #writeLater(queues: TopicQueues, record: ProducerRecord, timestampMs: number): void {
    const bytes = recordSizeMax(record.key, record.value, record.headers);
    const { batchBytes, bufferBytes } = this.#settings;
    const room = Math.max(batchBytes, bufferBytes - this.#core.bufferedBytes);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > room) {
      throw writeIgnoredFalse(this.#settings);
    }
    const owned = ownedRecord(record);
    this.#waitingBytes += bytes;
    this.#wait(queues, {
      append: () => {
        const batch = queues.append(owned, timestampMs);
        if (batch === undefined) return false;
        batch.writtenRecords++;
        this.#waitingBytes -= bytes;
        return true;
      },
      fail: (error) => {
        this.#waitingBytes -= bytes;
        this.#failure ??= error;
      },
    });
  }

  /** Puts a record into the line of its topic. */
  #wait(queues: TopicQueues, record: WaitingRecord): void {
    const fail = (error: MillraceError): void => {
      this.#core.tally.failed(1);
      record.fail(error);
      this.#core.tellFailed({ topic: queues.topic, partition: undefined, recordCount: 1, error });
    };
    this.#crowded.add(queues);
    queues.line.join({
      expiresMs: this.#blockedUntilMs(),
      admit: () => {
        try {
          return record.append();
        } catch (thrown) {
          fail(MillraceError.from(thrown));
          return true;
        }
      },
      fail,
    });
    if (queues.metadata === undefined) void this.#resolver.resolve(queues);
    else if (this.#settings.lingerMs > 0) this.#hurry();
  }

  /** Sends what is collected although more could come: somebody waits for it or for its room. */
  #hurry(): void {
    for (const queues of this.#topics.values()) queues.flush();
  }

  #advance(): void {
    for (const queues of this.#crowded) queues.line.advance();
    this.#readyLine.advance();
  }

  #onEmptied(queues: TopicQueues): void {
    this.#crowded.delete(queues);
    if (queues.metadata === undefined) this.#topics.delete(queues.topic);
    this.#readyLine.advance();
  }

  #onFailed(batch: OutgoingBatch, error: MillraceError): void {
    if (batch.writtenRecords > 0) this.#failure ??= error;
    const { topic, partition } = batch.owner;
    this.#core.tellFailed({ topic, partition, recordCount: batch.recordCount, error });
  }

  #blockedUntilMs(): number {
    return this.#core.clock.monotonicMs() + this.#settings.maxBlockMs;
  }
}

interface WaitingRecord {
  /** Encodes the record; false if there is still no room. */
  append(): boolean;
  fail(error: MillraceError): void;
}

/** Resolves when all who wait now have gone on or failed. */
function endOfLine(queues: TopicQueues): Promise<void> {
  return new Promise((resolve) => {
    const admit = () => {
      resolve();
      return true;
    };
    queues.line.join({ expiresMs: Number.POSITIVE_INFINITY, admit, fail: () => resolve() });
  });
}

function receiptOfLast(batch: OutgoingBatch, timestampMs: number): Promise<RecordReceipt> {
  const record = { partition: batch.owner.partition, index: batch.recordCount - 1, timestampMs };
  return batch.settled.then((receipt) => recordReceipt(receipt, record));
}
