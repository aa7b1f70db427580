import type { Random } from "../base/index.ts";
import { LevelDatabase } from "./level-database.ts";
import {
  type MetadataStore,
  PRODUCER_ID_BLOCK_SIZE,
  type ProducerIdBlock,
  type TopicMetadata,
  type TopicValues,
} from "./metadata-store.ts";
import { StoreDamagedError } from "./store-damaged-error.ts";
import {
  checkTopic,
  decodeClusterId,
  decodeCounter,
  decodeTopic,
  encodeTopic,
  TOPIC_KEYS,
  TOPIC_KEYS_END,
} from "./stored-values.ts";
import { checkDeletes, checkReplaces } from "./topic-changes.ts";

/** Version of the keys and values; a store of another one is refused. */
const FORMAT = 1;
const KEYS = {
  format: "format",
  clusterId: "cluster-id",
  /** The version given last, to a topic that may be gone. */
  version: "version",
  /** The epoch to give next. */
  brokerEpoch: "broker-epoch",
  /** The first producer id of the next block. */
  producerId: "producer-id",
} as const;

/** Where the database lies and what it is made with. */
export interface LevelMetadataStoreOptions {
  /** Folder of the database; created if absent, its parent included. The caller syncs the parent's names. */
  readonly path: string;
  /** Source of the cluster id of a new store. */
  readonly random: Random;
}

/**
 * Metadata in LevelDB, for the single node. Every put is synced before it returns. LevelDB's lock keeps every
 * other process out as long as the store is open, and the system frees it when the process dies.
 */
export class LevelMetadataStore implements MetadataStore {
  readonly #path: string;
  readonly #random: Random;
  readonly #database: LevelDatabase;
  #clusterId: string | undefined;
  /** The end of the call before; calls take turns, so that what one read still holds when it writes. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LevelMetadataStoreOptions) {
    this.#path = options.path;
    this.#random = options.random;
    this.#database = new LevelDatabase(options.path);
  }

  get clusterId(): string {
    if (this.#clusterId === undefined) throw new TypeError("the metadata store was never open");
    return this.#clusterId;
  }

  open(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#database.open();
      try {
        this.#clusterId = await this.#loadOrCreate();
      } catch (error) {
        await this.#database.close();
        throw error;
      }
    });
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#database.close());
  }

  loadTopics(): Promise<TopicMetadata[]> {
    return this.#inTurn(async () => {
      const stored = await this.#database.range(TOPIC_KEYS, TOPIC_KEYS_END);
      return stored.map(([key, json]) => decodeTopic(json, { path: this.#path, key }));
    });
  }

  async putTopic(topic: TopicValues, replaces: number | undefined): Promise<TopicMetadata> {
    checkTopic(topic);
    return this.#inTurn(async () => {
      checkReplaces(topic.name, await this.#topic(topic.name), replaces);
      const version = (await this.#counter(KEYS.version)) + 1;
      const stored = { ...topic, configs: { ...topic.configs }, version };
      await this.#database.write([
        { type: "put", key: KEYS.version, value: String(version) },
        { type: "put", key: TOPIC_KEYS + topic.name, value: encodeTopic(stored) },
      ]);
      return stored;
    });
  }

  deleteTopic(name: string, topicId: string): Promise<void> {
    return this.#inTurn(async () => {
      const present = await this.#topic(name);
      if (present === undefined) return;
      checkDeletes(present, topicId);
      await this.#database.write([{ type: "del", key: TOPIC_KEYS + name }]);
    });
  }

  nextBrokerEpoch(): Promise<number> {
    return this.#inTurn(() => this.#take(KEYS.brokerEpoch, 1));
  }

  allocateProducerIds(): Promise<ProducerIdBlock> {
    const count = PRODUCER_ID_BLOCK_SIZE;
    return this.#inTurn(async () => ({ first: await this.#take(KEYS.producerId, count), count }));
  }

  async #loadOrCreate(): Promise<string> {
    const path = this.#path;
    const format = await this.#database.get(KEYS.format);
    if (format === undefined) return this.#create();
    if (decodeCounter(format, { path, key: KEYS.format }) !== FORMAT) {
      const remedy = "start the version of Millrace that wrote it, or a newer one";
      throw new StoreDamagedError(
        path,
        `its format is ${format}, and this broker knows ${FORMAT}; ${remedy}`,
      );
    }
    const id = await this.#database.get(KEYS.clusterId);
    if (id !== undefined) return decodeClusterId(id, { path, key: KEYS.clusterId });
    throw new StoreDamagedError(path, "the cluster id is gone; restore this folder from a backup");
  }

  async #create(): Promise<string> {
    if (!(await this.#database.isEmpty())) {
      const damage = "it is not empty, but its format is gone; restore this folder from a backup";
      throw new StoreDamagedError(this.#path, damage);
    }
    const id = this.#random.id();
    await this.#database.write([
      { type: "put", key: KEYS.clusterId, value: JSON.stringify(id) },
      { type: "put", key: KEYS.format, value: String(FORMAT) },
    ]);
    return id;
  }

  async #topic(name: string): Promise<TopicMetadata | undefined> {
    const key = TOPIC_KEYS + name;
    const json = await this.#database.get(key);
    return json === undefined ? undefined : decodeTopic(json, { path: this.#path, key });
  }

  async #counter(key: string): Promise<number> {
    const json = await this.#database.get(key);
    return json === undefined ? 0 : decodeCounter(json, { path: this.#path, key });
  }

  /** Returns the counter and leaves it `count` higher, durably. */
  async #take(key: string, count: number): Promise<number> {
    const first = await this.#counter(key);
    await this.#database.write([{ type: "put", key, value: String(first + count) }]);
    return first;
  }

  #inTurn<Result>(call: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(call);
    this.#turn = result.catch(() => undefined); // its caller hears of a failure; the next call stands on its own
    return result;
  }
}
