/** TopicService: administration of topics. See proto/millrace/v1/topic_service.proto. */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { PARTITIONS_PER_TOPIC_MAX } from "../base/index.ts";
import type { BrokerApi, TopicSummary } from "../broker/index.ts";
import { millrace } from "../gen/millrace.js";
import { type CallEnvironment, unaryService } from "./calls.ts";
import { topicService } from "./definition.ts";
import {
  counted,
  invalid,
  offsetNumber,
  partitionNumber,
  topicName,
  within,
  withDefault,
} from "./request-checks.ts";
import { configMessages, topicMessage } from "./topic-messages.ts";

const { DescribeTopicsResponse, ListTopicsResponse } = millrace.v1;
/** Default and maximum of ListTopicsRequest.page_size. */
const PAGE_SIZE_MAX = 1_000;
/** Most names in one DescribeTopicsRequest. */
const DESCRIBED_TOPICS_MAX = 100;

/** The handlers of TopicService. */
export function topicServiceHandlers(
  environment: CallEnvironment,
  broker: BrokerApi,
): UntypedServiceImplementation {
  return unaryService(environment, topicService, {
    async createTopic({ name, partitionCount, configs, validateOnly }) {
      const topic = await broker.createTopic({
        name: topicName(name, "name"),
        ...(partitionCount == null ? {} : { partitionCount: partitionTotal(partitionCount) }),
        configs,
        validateOnly,
      });
      return { topic: topicMessage(topic) };
    },

    listTopics({ pageSize, pageToken, includeInternal }, context) {
      const size = withDefault(pageSize, PAGE_SIZE_MAX, PAGE_SIZE_MAX, "page_size");
      const response = page(broker.listTopics({ includeInternal }), size, pageToken);
      context.sending(ListTopicsResponse.encode(response).finish().length, "ask for a smaller page");
      return response;
    },

    describeTopics({ names }, context) {
      const checked = counted(names, DESCRIBED_TOPICS_MAX, "names").map((name) => topicName(name, "names"));
      const response = { topics: checked.map((name) => topicMessage(broker.describeTopic(name))) };
      const bytes = DescribeTopicsResponse.encode(response).finish().length;
      context.sending(bytes, "ask for fewer topics in one call");
      return response;
    },

    async alterTopicConfig({ name, set, reset }) {
      for (const config of reset) {
        if (Object.hasOwn(set, config)) throw invalid("reset", config, "configs that are not in `set`");
      }
      const configs = await broker.alterTopicConfig(topicName(name, "name"), { set, reset });
      return { configs: configMessages(configs) };
    },

    async addPartitions({ name, partitionCount }) {
      const topic = await broker.addPartitions(topicName(name, "name"), partitionTotal(partitionCount));
      return { topic: topicMessage(topic) };
    },

    async deleteTopic({ name }) {
      await broker.deleteTopic(topicName(name, "name"));
      return {};
    },

    async trimPartition({ topic, partition, beforeOffset }) {
      const before = beforeOffset == null ? undefined : offsetNumber(beforeOffset, "before_offset");
      const place = [topicName(topic), partitionNumber(partition)] as const;
      return { logStartOffset: await broker.trimPartition(...place, before) };
    },
  });
}

function partitionTotal(count: number): number {
  return within(count, 1, PARTITIONS_PER_TOPIC_MAX, "partition_count");
}

/** A token is the last name of the page before, so that topics may come and go between two pages. */
function page(topics: readonly TopicSummary[], size: number, token: string) {
  const after = token === "" ? "" : topicName(token, "page_token");
  const start = topics.findIndex((topic) => topic.name > after);
  const found = start < 0 ? [] : topics.slice(start, start + size);
  const more = start >= 0 && start + size < topics.length;
  return {
    topics: found.map(({ name, topicId, partitionCount, bytes }) => ({
      name,
      topicId,
      partitionCount,
      bytes,
    })),
    nextPageToken: more ? found[found.length - 1]!.name : "",
  };
}
