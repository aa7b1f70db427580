import type { Admin } from "./api/admin.ts";
import type { Client } from "./api/client.ts";
import type { GroupConsumer, GroupConsumerOptions } from "./api/group-consumer.ts";
import type { Producer, ProducerOptions } from "./api/producer.ts";
import type { Reader, ReaderOptions } from "./api/reader.ts";
import type { Streams } from "./api/streams.ts";
import { ClusterAdmin } from "./admin/cluster-admin.ts";
import type { Cluster } from "./cluster/cluster.ts";
import { consumerSettings } from "./consumer/consumer-settings.ts";
import { MemberConsumer } from "./consumer/member-consumer.ts";
import { BatchingProducer } from "./producer/batching-producer.ts";
import { producerSettings } from "./producer/producer-settings.ts";
import { PartitionReader } from "./reader/partition-reader.ts";
import { readerSettings } from "./reader/reader-settings.ts";
import { TopicStreams } from "./streams/topic-streams.ts";

/** What `connect` gives; see Client. */
export class ConnectedClient implements Client {
  readonly #cluster: Cluster;
  readonly #admin: Admin;
  readonly #producers = new Set<Producer>();
  readonly #readers = new Set<Reader>();
  readonly #consumers = new Set<GroupConsumer>();
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#admin = new ClusterAdmin(cluster);
  }

  admin(): Admin {
    return this.#admin;
  }

  producer(options: ProducerOptions = {}): Producer {
    const onClosed = () => this.#producers.delete(producer);
    const producer: Producer = new BatchingProducer(this.#cluster, producerSettings(options), onClosed);
    this.#producers.add(producer);
    return producer;
  }

  reader(options: ReaderOptions = {}): Reader {
    return this.#reader(options, "a reader");
  }

  consumer(options: GroupConsumerOptions): GroupConsumer;
  consumer(options?: ReaderOptions): Reader;
  consumer(options: GroupConsumerOptions | ReaderOptions = {}): GroupConsumer | Reader {
    return "group" in options ? this.#member(options) : this.#reader(options, 'a consumer without "group"');
  }

  streams(topic: string): Streams {
    const newReader = (options: ReaderOptions) => this.reader(options);
    return new TopicStreams({ cluster: this.#cluster, topic, newReader });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #reader(options: ReaderOptions, what: string): Reader {
    const onClosed = () => this.#readers.delete(reader);
    const reader: Reader = new PartitionReader(this.#cluster, readerSettings(options, what), onClosed);
    this.#readers.add(reader);
    return reader;
  }

  #member(options: GroupConsumerOptions): GroupConsumer {
    const settings = consumerSettings(options, this.#cluster.clientId);
    const onClosed = () => this.#consumers.delete(consumer);
    const consumer: GroupConsumer = new MemberConsumer(this.#cluster, settings, onClosed);
    this.#consumers.add(consumer);
    return consumer;
  }

  async #close(): Promise<void> {
    // Their handlers may want to produce to the end.
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    for (const reader of [...this.#readers]) await reader.close();
    const closed = await Promise.allSettled([...this.#producers].map((producer) => producer.close()));
    this.#cluster.close();
    for (const outcome of closed) if (outcome.status === "rejected") throw outcome.reason;
  }
}
