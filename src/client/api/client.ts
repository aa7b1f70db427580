/** What a program holds after connecting: the way to producers, readers and administration. */
import type { Admin } from "./admin.ts";
import type { GroupConsumer, GroupConsumerOptions } from "./group-consumer.ts";
import type { Producer, ProducerOptions } from "./producer.ts";
import type { Reader, ReaderOptions } from "./reader.ts";
import type { Streams } from "./streams.ts";

/** How to reach a cluster. */
export interface ConnectOptions {
  /**
   * Endpoints to ask first, each "host:port" (IPv6 as "[::1]:7171"), one alone or several; a port left out is 7171.
   * The brokers that lead partitions are found through them and dialled at the endpoints they advertise.
   */
  readonly brokers: string | readonly string[];
  /** Deadline of every unary call, milliseconds, 1 to 600,000. Default 10,000. */
  readonly timeoutMs?: number;
  /** Name of this program in the broker's logs; becomes part of the gRPC user agent. Default "millrace". */
  readonly clientId?: string;
}

/** A connection to a cluster. Everything it hands out shares its channels and its metadata cache. */
export interface Client {
  /** Administration of topics and a look at the cluster. */
  admin(): Admin;
  /** A new producer. Throws a TypeError for options outside their ranges and unknown ones, UNSUPPORTED_COMPRESSION for a codec this platform lacks. */
  producer(options?: ProducerOptions): Producer;
  /** A new reader. Throws a TypeError for options outside their ranges and unknown ones. */
  reader(options?: ReaderOptions): Reader;
  /** A new member of a consumer group. Throws a TypeError for options outside their ranges and unknown ones. */
  consumer(options: GroupConsumerOptions): GroupConsumer;
  /** The same as `reader`: without a consumer group, a consumer reads the partitions it is assigned by hand. */
  consumer(options?: ReaderOptions): Reader;
  /** The event-sourced streams of a topic with `stream.index=true`. */
  streams(topic: string): Streams;
  /**
   * Closes its group consumers (which end their work first), its readers, its producers (which flush first, within their
   * `deliveryTimeoutMs`), and its channels. Throws what the flush throws, after everything is closed. Harmless if called again.
   */
  close(): Promise<void>;
}
