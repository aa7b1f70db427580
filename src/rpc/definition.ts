/**
 * The services as grpc-js serves them: generated codecs for the small messages, our own where batches travel, and
 * no decoder that throws or unfolds a large frame into a multitude of objects.
 */
import {
  COMMITTED_OFFSETS_MAX,
  PARTITIONS_PER_TOPIC_MAX,
  RPC_MESSAGE_BYTES_MAX,
  SUBSCRIBED_TOPICS_MAX,
} from "../base/index.ts";
import { grpc, millrace } from "../gen/millrace.js";
import {
  decodePublishRequest,
  type GatherMessage,
  type Method,
  serviceDefinition,
  streamService as streams,
} from "../wire/index.ts";
import { decodeAppendEvents } from "./append-events-request.ts";
import { limitingLists, type ListLimits } from "./list-limits.ts";
import { type MalformedRequest, refusing } from "./malformed-request.ts";

const { v1 } = millrace;

/** Largest request of the calls that carry neither records nor long lists. */
const SMALL_REQUEST_BYTES_MAX = 262_144;
/** Most queries in one ListOffsets. */
export const OFFSET_QUERIES_MAX = 10_000;
/** Most partitions in the other lists of groups: as many as a broker has by default. */
export const GROUP_PARTITIONS_MAX = 20_000;

const gather = (message: GatherMessage) => message.asSerialized();
const produceRequest = refusing(decodePublishRequest, RPC_MESSAGE_BYTES_MAX);

const log = serviceDefinition(v1, v1.LogService, {
  produce: { requestDeserialize: produceRequest },
  publish: { requestDeserialize: produceRequest },
  fetch: { responseSerialize: gather },
  subscribe: { responseSerialize: subscribeResponse },
});

/** Records in and out: the batches travel through our own codecs. */
export const logService = {
  produce: log.produce,
  publish: log.publish,
  fetch: refuseMalformed(log.fetch),
  subscribe: refuseMalformed(log.subscribe),
  listOffsets: refuseLongLists(log.listOffsets, { 1: OFFSET_QUERIES_MAX }),
};

const topics = serviceDefinition(v1, v1.TopicService);

/** Administration of topics. */
export const topicService = {
  createTopic: refuseMalformed(topics.createTopic),
  listTopics: refuseMalformed(topics.listTopics),
  describeTopics: refuseMalformed(topics.describeTopics),
  alterTopicConfig: refuseMalformed(topics.alterTopicConfig),
  addPartitions: refuseMalformed(topics.addPartitions),
  deleteTopic: refuseMalformed(topics.deleteTopic),
  trimPartition: refuseMalformed(topics.trimPartition),
};

const cluster = serviceDefinition(v1, v1.ClusterService);

/** The cluster and producer ids. */
export const clusterService = {
  describeCluster: refuseMalformed(cluster.describeCluster),
  initProducerId: refuseMalformed(cluster.initProducerId),
};

const group = serviceDefinition(v1, v1.GroupService, { consume: { responseSerialize: consumeResponse } });
const subscriptionLists: ListLimits = { 1: SUBSCRIBED_TOPICS_MAX };
const joinLists: ListLimits = { 4: GROUP_PARTITIONS_MAX, 7: subscriptionLists };
const partitionList: ListLimits = { 1: GROUP_PARTITIONS_MAX };

/** Consumer groups. The numbers are those of the fields that hold lists. */
export const groupService = {
  findCoordinator: refuseMalformed(group.findCoordinator),
  joinGroup: refuseLongLists(group.joinGroup, {
    1: joinLists,
    2: partitionList,
    3: subscriptionLists,
    4: partitionList,
  }),
  consume: refuseLongLists(group.consume, {
    1: { 1: joinLists },
    3: { 2: COMMITTED_OFFSETS_MAX },
    4: partitionList,
    5: partitionList,
    6: partitionList,
  }),
  commitOffsets: refuseLongLists(group.commitOffsets, { 4: COMMITTED_OFFSETS_MAX }),
  fetchOffsets: refuseLongLists(group.fetchOffsets, { 2: COMMITTED_OFFSETS_MAX }),
  listGroups: refuseMalformed(group.listGroups),
  describeGroup: refuseMalformed(group.describeGroup),
  seekGroup: refuseMalformed(group.seekGroup),
  deleteGroup: refuseMalformed(group.deleteGroup),
  deleteOffsets: refuseMalformed(group.deleteOffsets),
};

const encoded = (message: Buffer) => message;
const positionLists = { 2: { 1: PARTITIONS_PER_TOPIC_MAX } };

/** Event-sourced streams: what is streamed comes encoded, as its size has to be known before. */
export const streamService = {
  appendEvents: {
    ...streams.appendEvents,
    requestDeserialize: refusing(decodeAppendEvents, RPC_MESSAGE_BYTES_MAX),
  },
  readStream: { ...refuseMalformed(streams.readStream), responseSerialize: encoded },
  readAll: { ...refuseLongLists(streams.readAll, positionLists), responseSerialize: encoded },
  subscribeAll: { ...refuseLongLists(streams.subscribeAll, positionLists), responseSerialize: encoded },
};

const health = serviceDefinition(grpc.health.v1, grpc.health.v1.Health);

/** grpc.health.v1. */
export const healthService = {
  check: refuseMalformed(health.check),
  watch: refuseMalformed(health.watch),
};

const reflection = serviceDefinition(grpc.reflection.v1, grpc.reflection.v1.ServerReflection);
const reflectionAlpha = serviceDefinition(grpc.reflection.v1alpha, grpc.reflection.v1alpha.ServerReflection);

/** grpc.reflection.v1. */
export const reflectionService = {
  serverReflectionInfo: refuseMalformed(reflection.serverReflectionInfo),
};
/** The same messages under the older name, which grpcurl and grpcio still ask for. */
export const reflectionAlphaService = {
  serverReflectionInfo: {
    ...reflectionService.serverReflectionInfo,
    path: reflectionAlpha.serverReflectionInfo.path,
  },
};

function refuseMalformed<RequestIn, RequestOut, ResponseIn, ResponseOut>(
  method: Method<RequestIn, RequestOut, ResponseIn, ResponseOut>,
  bytesMax = SMALL_REQUEST_BYTES_MAX,
): Method<RequestIn, RequestOut | MalformedRequest, ResponseIn, ResponseOut> {
  return { ...method, requestDeserialize: refusing(method.requestDeserialize, bytesMax) };
}

/** For requests whose lists may be long: larger, but counted before anything is built of them. */
function refuseLongLists<RequestIn, RequestOut, ResponseIn, ResponseOut>(
  method: Method<RequestIn, RequestOut, ResponseIn, ResponseOut>,
  limits: ListLimits,
): Method<RequestIn, RequestOut | MalformedRequest, ResponseIn, ResponseOut> {
  const requestDeserialize = limitingLists(method.requestDeserialize, limits);
  return refuseMalformed({ ...method, requestDeserialize }, RPC_MESSAGE_BYTES_MAX);
}

/** Deliveries come encoded, everything else of a subscription as a message. */
function subscribeResponse(response: GatherMessage | millrace.v1.SubscribeResponse.$Properties): Buffer {
  return "asSerialized" in response
    ? response.asSerialized()
    : Buffer.from(v1.SubscribeResponse.encode(response).finish());
}

function consumeResponse(response: GatherMessage | millrace.v1.ConsumeResponse.$Properties): Buffer {
  return "asSerialized" in response
    ? response.asSerialized()
    : Buffer.from(v1.ConsumeResponse.encode(response).finish());
}
