import { Code, MillraceError } from "../../errors/index.ts";
import type {
  Admin,
  ClusterDescription,
  CreateTopicOptions,
  HealthStatus,
  ListTopicsOptions,
  OffsetAnswer,
  OffsetQuery,
  TopicConfigChange,
  TopicConfigEntry,
  TopicDescription,
  TopicSummary,
  TrimOptions,
} from "../api/admin.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { requireKnown } from "../option-checks.ts";
import { clusterService, healthService, topicService } from "../transport/services.ts";
import { CoordinatedGroups } from "./coordinated-groups.ts";
import { describedCluster, describedConfigs, describedTopic, summarizedTopic } from "./descriptions.ts";
import { lookUpOffsets } from "./offset-lookup.ts";

/** Topics that one DescribeTopics may name. */
const DESCRIBE_TOPICS_MAX = 100;
/** grpc.health.v1.HealthCheckResponse.ServingStatus by its numbers. */
const HEALTH: readonly HealthStatus[] = ["unknown", "serving", "not-serving", "service-unknown"];

/** Administration by unary calls; see Admin. That of groups it has from where their coordinators are asked. */
export class ClusterAdmin extends CoordinatedGroups implements Admin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    super(cluster);
    this.#cluster = cluster;
  }

  async createTopic(options: CreateTopicOptions): Promise<TopicDescription> {
    const known = { name: true, partitionCount: true, configs: true, validateOnly: true } as const;
    requireKnown("createTopic", options, known);
    const { name, partitionCount, configs, validateOnly } = options;
    const request = { name, partitionCount, configs: { ...configs }, validateOnly };
    const { topic } = await this.#cluster.connections.callAny(topicService.createTopic, request);
    return describedTopic(topic ?? {});
  }

  async listTopics(options: ListTopicsOptions = {}): Promise<TopicSummary[]> {
    requireKnown("listTopics", options, { includeInternal: true });
    const { includeInternal } = options;
    const topics: TopicSummary[] = [];
    let pageToken = "";
    do {
      const page = await this.#cluster.connections.callAny(
        topicService.listTopics,
        { pageToken, includeInternal },
        "repeatable",
      );
      for (const topic of page.topics) topics.push(summarizedTopic(topic));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return topics;
  }

  async describeTopic(name: string): Promise<TopicDescription> {
    const [topic] = await this.describeTopics([name]);
    return topic!;
  }

  async describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    const topics: TopicDescription[] = [];
    for (let from = 0; from < names.length; from += DESCRIBE_TOPICS_MAX) {
      const request = { names: names.slice(from, from + DESCRIBE_TOPICS_MAX) };
      const answer = await this.#cluster.connections.callAny(
        topicService.describeTopics,
        request,
        "repeatable",
      );
      for (const topic of answer.topics) topics.push(describedTopic(topic));
    }
    return topics;
  }

  async alterTopicConfig(name: string, change: TopicConfigChange): Promise<TopicConfigEntry[]> {
    requireKnown("alterTopicConfig", change, { set: true, reset: true });
    const request = { name, set: { ...change.set }, reset: [...(change.reset ?? [])] };
    const { configs } = await this.#cluster.connections.callAny(topicService.alterTopicConfig, request);
    this.#cluster.metadata.age(name);
    return describedConfigs(configs);
  }

  async addPartitions(name: string, partitionCount: number): Promise<TopicDescription> {
    const request = { name, partitionCount };
    const { topic } = await this.#cluster.connections.callAny(topicService.addPartitions, request);
    this.#cluster.metadata.age(name);
    return describedTopic(topic ?? {});
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#cluster.connections.callAny(topicService.deleteTopic, { name });
    this.#cluster.metadata.age(name);
  }

  async trimPartition(options: TrimOptions): Promise<number> {
    requireKnown("trimPartition", options, { topic: true, partition: true, beforeOffset: true });
    const { topic, partition, beforeOffset } = options;
    const leader = this.#cluster.leader(await this.#cluster.metadata.refresh(topic), partition);
    const request = { topic, partition, beforeOffset };
    const { logStartOffset } = await leader.call(topicService.trimPartition, request);
    return logStartOffset;
  }

  async listOffsets(queries: readonly OffsetQuery[]): Promise<OffsetAnswer[]> {
    for (const query of queries) {
      requireKnown("an offset query", query, { topic: true, partition: true, at: true });
    }
    return lookUpOffsets(this.#cluster, queries);
  }

  async describeCluster(): Promise<ClusterDescription> {
    return describedCluster(
      await this.#cluster.connections.callAny(clusterService.describeCluster, {}, "repeatable"),
    );
  }

  async health(service = ""): Promise<HealthStatus> {
    try {
      const { status } = await this.#cluster.connections.callAny(
        healthService.check,
        { service },
        "repeatable",
      );
      return HEALTH[status] ?? "unknown";
    } catch (thrown) {
      // grpc.health.v1 answers NOT_FOUND for a service that it does not know.
      const { cause } = MillraceError.from(thrown);
      if (cause instanceof Error && "code" in cause && cause.code === Code.NOT_FOUND)
        return "service-unknown";
      throw thrown;
    }
  }
}
