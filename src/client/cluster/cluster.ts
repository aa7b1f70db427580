import type { Clock, Random } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import { describedTopic } from "../admin/descriptions.ts";
import type { BrokerConnection } from "../transport/broker-connection.ts";
import { clusterService, groupService, topicService } from "../transport/services.ts";
import { Connections } from "./connections.ts";
import { MetadataCache } from "./metadata-cache.ts";
import { leaderOf, metadataOf, type TopicMetadata } from "./topic-metadata.ts";

/** What everything made by one client shares. */
export interface ClusterOptions {
  readonly endpoints: readonly string[];
  readonly clientId: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Identity of an idempotent producer. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** The cluster as seen from here: who leads what, and the connections there. */
export class Cluster {
  readonly clock: Clock;
  readonly random: Random;
  /** Name of the program. */
  readonly clientId: string;
  /** Deadline of unary calls, and of tries that are made again. */
  readonly timeoutMs: number;
  readonly connections: Connections;
  readonly metadata: MetadataCache;

  constructor(options: ClusterOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.clientId = options.clientId;
    this.timeoutMs = options.timeoutMs;
    this.connections = new Connections(options.endpoints, options);
    this.metadata = new MetadataCache((topic) => this.#describe(topic), options.clock);
  }

  /** The connection to a partition's leader, as far as metadata is known. Throws as `leaderOf` does. */
  leader(topic: TopicMetadata, partition: number): BrokerConnection {
    return this.connections.to(leaderOf(topic, partition));
  }

  /** The connection to the broker that coordinates a group; asked anew each time, as it may have moved. */
  async coordinator(group: string): Promise<BrokerConnection> {
    const { endpoint } = await this.connections.callAny(
      groupService.findCoordinator,
      { group },
      "repeatable",
    );
    return this.connections.to(endpoint);
  }

  /** An identity that nobody had before. */
  async initProducerId(): Promise<ProducerIdentity> {
    const { producerId, producerEpoch } = await this.connections.callAny(
      clusterService.initProducerId,
      {},
      "repeatable",
    );
    return { producerId, producerEpoch };
  }

  /** Ends every connection. */
  close(): void {
    this.connections.close();
  }

  async #describe(topic: string): Promise<TopicMetadata> {
    const { topics } = await this.connections.callAny(
      topicService.describeTopics,
      { names: [topic] },
      "repeatable",
    );
    if (topics[0] === undefined) throw new MillraceError("INTERNAL", "a broker described no topic");
    return metadataOf(describedTopic(topics[0]));
  }
}
