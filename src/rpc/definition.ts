/**
 * The services as grpc-js serves them: generated codecs for the small messages, our own where batches travel, and
 * no decoder that throws or unfolds a large frame into a multitude of objects.
 */
import { RPC_MESSAGE_BYTES_MAX } from "../base/index.ts";
import { grpc, millrace } from "../gen/millrace.js";
import {
  decodePublishRequest,
  FieldReader,
  type GatherMessage,
  type Method,
  serviceDefinition,
  WireFormatError,
} from "../wire/index.ts";
import { type MalformedRequest, refusing } from "./malformed-request.ts";

const { v1 } = millrace;

/** Largest request of the calls that carry neither records nor long lists. */
const SMALL_REQUEST_BYTES_MAX = 262_144;
/** Most queries in one ListOffsets. */
export const OFFSET_QUERIES_MAX = 10_000;

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
  listOffsets: refuseMalformed(
    { ...log.listOffsets, requestDeserialize: countedListOffsets },
    RPC_MESSAGE_BYTES_MAX,
  ),
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

/** Deliveries come encoded, everything else of a subscription as a message. */
function subscribeResponse(response: GatherMessage | millrace.v1.SubscribeResponse.$Properties): Buffer {
  return "asSerialized" in response ? response.asSerialized() : generatedSubscribeResponse(response);
}

function generatedSubscribeResponse(response: millrace.v1.SubscribeResponse.$Properties): Buffer {
  return Buffer.from(v1.SubscribeResponse.encode(response).finish());
}

/** Counts the queries first: two bytes each, they would become millions of objects. */
function countedListOffsets(frame: Buffer): millrace.v1.ListOffsetsRequest {
  const reader = new FieldReader(frame);
  let count = 0;
  while (reader.next()) {
    reader.skip();
    if (++count > OFFSET_QUERIES_MAX) throw new WireFormatError(`more than ${OFFSET_QUERIES_MAX} queries`);
  }
  return v1.ListOffsetsRequest.decode(frame);
}
