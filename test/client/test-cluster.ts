/**
 * The production broker over memory, behind a proxy that can break and with appends that can be made to fail: the ground
 * for tests of what the client does in trouble.
 */
import { systemRandom } from "../../src/base/index.ts";
import { Broker, type BrokerOptions } from "../../src/broker/index.ts";
import type { Durability, Receipt } from "../../src/broker/types.ts";
import { type Client, connect } from "../../src/client/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { RpcServer } from "../../src/rpc/index.ts";
import { FlakyProxy } from "./flaky-proxy.ts";

/** An append that a test watches. */
export interface Append {
  /** Number of this append since the broker started, from 0; retries count. */
  readonly index: number;
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

export class TestCluster {
  /** Called before each append; what it throws is the answer. */
  beforeAppend: (append: Append) => void | Promise<void> = () => {};
  /** Called after each append, before its answer. */
  afterAppend: (append: Append, receipt: Receipt) => void | Promise<void> = () => {};
  broker!: Broker;
  proxy!: FlakyProxy;
  readonly #fs = new MemoryFileSystem();
  readonly #metadata = new MemoryMetadataStore(systemRandom);
  #server!: RpcServer;
  #options: Partial<BrokerOptions> = {};
  readonly #clients: Client[] = [];

  static async start(options: Partial<BrokerOptions> = {}): Promise<TestCluster> {
    const cluster = new TestCluster();
    cluster.#options = options;
    await cluster.#open();
    cluster.proxy = await FlakyProxy.start(cluster.#server.port);
    cluster.broker.advertise(cluster.proxy.endpoint);
    return cluster;
  }

  /** A client of this cluster, closed with it. */
  async connect(timeoutMs = 5_000): Promise<Client> {
    const client = await connect({ brokers: this.proxy.endpoint, timeoutMs });
    this.#clients.push(client);
    return client;
  }

  /**
   * Ends the broker without farewell and starts another on the same data, which remembers no producer. In between the
   * folders of partitions ("t-0") may get lost, and files beside them.
   */
  async restart({ lost = [] }: { readonly lost?: readonly string[] } = {}): Promise<void> {
    this.proxy.partition();
    await this.#server.drain(0);
    await this.broker.close();
    for (const folder of lost) await this.#fs.remove(`/data/partitions/${folder}`);
    await this.#open();
    this.proxy.retarget(this.#server.port);
    this.broker.advertise(this.proxy.endpoint);
    this.proxy.heal();
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close().catch(() => {}); // its records are not the test's matter
    await this.#server.drain(0);
    await this.broker.close();
    await this.proxy.close();
  }

  async #open(): Promise<void> {
    const folder = { fs: this.#fs, metadata: this.#metadata, dataDir: "/data" };
    this.broker = await Broker.open({ ...this.#options, ...folder });
    this.#watchAppends(this.broker);
    this.#server = await RpcServer.start(this.broker, { port: 0 });
  }

  #watchAppends(broker: Broker): void {
    const produce = broker.produce.bind(broker);
    let appends = 0;
    let last: Promise<unknown> = Promise.resolve();
    broker.produce = (
      topic: string,
      partition: number,
      batch: Buffer,
      durability: Durability | undefined,
    ) => {
      const append = { index: appends++, topic, partition, batch };
      const run = async () => {
        await this.beforeAppend(append);
        const receipt = await produce(topic, partition, batch, durability);
        await this.afterAppend(append, receipt);
        return receipt;
      };
      const answer = last.then(run);
      last = answer.catch(() => {});
      return answer;
    };
  }
}

/** The values of all records of a partition, as text, in order. */
export async function valuesOf(client: Client, topic: string, partition = 0): Promise<string[]> {
  const reader = client.reader();
  await reader.assign([{ topic, partition }]);
  const values: string[] = [];
  for await (const batch of reader.batches({ stopAtEnd: true })) {
    for (const record of batch) values.push(String(record.value));
  }
  await reader.close();
  return values;
}
