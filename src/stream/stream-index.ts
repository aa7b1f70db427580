import type { Clock, Logger } from "../base/index.ts";
import { LruBudget, type PartitionLog } from "../log/index.ts";
import type { IndexEnvironment } from "./partition/index-environment.ts";
import { PartitionIndex } from "./partition/partition-index.ts";
import { Slots } from "./partition/slots.ts";
import { TailBudget } from "./partition/tail.ts";
import { FORMAT_KEY, INDEX_FORMAT, IndexKeys, PARTITION_PREFIX_BYTES } from "./store/index-keys.ts";
import type { IndexStore } from "./store/index-store.ts";

const MIB = 1_048_576;
/** Heads of streams that nobody needs at the moment, some 30,000. */
const HEAD_BYTES_MAX = 32 * MIB;
/** What is placed in logs and not in the index yet. */
const TAIL_BYTES_MAX = 16 * MIB;
const CATCH_UPS_MAX = 2;
const WRITE_INTERVAL_MS = 10;
/** After every key of a partition. */
const LAST_KEY = Buffer.alloc(PARTITION_PREFIX_BYTES + 1, 0xff);

/** What the index stands on. */
export interface StreamIndexOptions {
  readonly store: IndexStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two writes of one partition, so that each takes more in. Default 10 ms. */
  readonly writeIntervalMs?: number;
  /** Bytes of what is placed and not written yet, above which appends wait. Default 16 MiB. */
  readonly tailBytesMax?: number;
}

/** A partition whose log is open. */
export interface OpenedPartition {
  readonly topic: string;
  /** 32 hexadecimal digits. */
  readonly topicId: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly log: PartitionLog;
}

/**
 * The index of all streams: which partitions it follows, and the store that they share. The store is opened for the
 * first partition: a broker without streams has none.
 */
export class StreamIndex {
  readonly #options: StreamIndexOptions;
  readonly #env: IndexEnvironment;
  readonly #partitions = new Map<PartitionLog, PartitionIndex>();
  /** Partitions that end, by name and topic: what comes after them waits. */
  readonly #ending = new Map<string, Promise<void>>();
  #opening: Promise<void> | undefined;

  constructor(options: StreamIndexOptions) {
    this.#options = options;
    const { store, clock, logger, writeIntervalMs, tailBytesMax } = options;
    this.#env = {
      store,
      clock,
      logger,
      opened: () => this.#opened(),
      heads: new LruBudget(HEAD_BYTES_MAX),
      tail: new TailBudget(tailBytesMax ?? TAIL_BYTES_MAX),
      catchUps: new Slots(CATCH_UPS_MAX),
      writeIntervalMs: writeIntervalMs ?? WRITE_INTERVAL_MS,
    };
  }

  /** The streams of a partition, if it is followed. */
  find(log: PartitionLog): PartitionIndex | undefined {
    return this.#partitions.get(log);
  }

  /** Follows a log from now on. To be called before the first append to it, or while the topic goes on. */
  follow({ topic, topicId, partition, leaderEpoch, log }: OpenedPartition): void {
    if (this.#partitions.has(log)) return;
    const name = `${topic}-${partition}`;
    const index = new PartitionIndex(this.#env, { name, topicId, partition, leaderEpoch, log });
    this.#partitions.set(log, index);
    index.start(this.#ending.get(endingKey(topicId, partition)) ?? Promise.resolve());
  }

  /** Follows a log no more; what the index has of it stays. Resolves when it is left alone. */
  async leave(log: PartitionLog): Promise<void> {
    const index = this.#partitions.get(log);
    this.#partitions.delete(log);
    await index?.close();
  }

  /**
   * Follows a log no more, and forgets it in the background: the topic has no streams any more. After a failure it is
   * forgotten at the latest when it is followed again, or by `sweep`.
   */
  forget(log: PartitionLog, topicId: string, partition: number): void {
    const index = this.#partitions.get(log);
    const left = this.leave(log).then(() => index?.detach());
    const key = endingKey(topicId, partition);
    const ended: Promise<void> = Promise.all([left, this.#ending.get(key)])
      .then(() => this.forgetPartition(topicId, partition))
      .finally(() => {
        if (this.#ending.get(key) === ended) this.#ending.delete(key);
      });
    this.#ending.set(key, ended);
  }

  /** Removes what the index has of a partition that is not followed. A failure is logged. */
  async forgetPartition(topicId: string, partition: number): Promise<void> {
    if (this.#opening === undefined) return;
    const keys = new IndexKeys(topicId, partition);
    try {
      await this.#opened();
      await this.#env.store.clear(keys.first, keys.end);
    } catch (error) {
      const fields = { topicId, partition, error: String(error) };
      this.#env.logger.warn(fields, "stream index of a partition not removed yet");
    }
  }

  /**
   * Removes what the index has of topics other than these, given by their ids. To be called before others are followed.
   * If none is followed, or the store fails, it is left to the next start.
   */
  async removeUnknown(known: ReadonlySet<string>): Promise<void> {
    if (this.#partitions.size === 0) return;
    try {
      await this.#opened();
      await this.#removeUnknown(known);
    } catch (error) {
      this.#env.logger.warn({ error: String(error) }, "stream index of deleted topics not removed yet");
    }
  }

  /** Writes what is readable by now and closes the store. The logs may stay open. */
  async close(): Promise<void> {
    await Promise.all([...this.#partitions.keys()].map((log) => this.leave(log)));
    await Promise.all(this.#ending.values());
    if (this.#opening === undefined) return;
    await this.#opening.catch(() => undefined); // whoever waited for it was told
    await this.#env.store.close();
  }

  async #removeUnknown(known: ReadonlySet<string>): Promise<void> {
    const { store } = this.#env;
    for (let from: Buffer = Buffer.alloc(PARTITION_PREFIX_BYTES); ; ) {
      const [row] = await store.range({ from, to: LAST_KEY, limit: 1 });
      if (row === undefined) return;
      const [key] = row;
      if (key.equals(FORMAT_KEY)) {
        from = Buffer.concat([FORMAT_KEY, Buffer.of(0)]);
        continue;
      }
      const topicId = key.toString("hex", 0, 16);
      const end = new IndexKeys(topicId, 2 ** 32 - 1).end;
      if (!known.has(topicId)) await store.clear(key, end);
      from = end;
    }
  }

  #opened(): Promise<void> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Opens the store, and empties one of another layout. */
  async #open(): Promise<void> {
    const { store, logger } = this.#options;
    const { isNew } = await store.open();
    const format = isNew ? undefined : (await store.get(FORMAT_KEY))?.toString();
    if (format === String(INDEX_FORMAT)) return;
    if (!isNew) {
      logger.warn({ format, known: INDEX_FORMAT }, "stream index of another layout; building it again");
      await store.clear(Buffer.of(0), LAST_KEY);
    }
    await store.write([{ key: FORMAT_KEY, value: Buffer.from(String(INDEX_FORMAT)) }]);
  }
}

function endingKey(topicId: string, partition: number): string {
  return `${topicId}-${partition}`;
}
