/** The table of all services that the server has. */
import type { Server, ServerDuplexStream } from "@grpc/grpc-js";
import type { millrace } from "../gen/millrace.js";
import type { ProduceFields } from "../wire/index.ts";
import type { AppendEnvironment } from "./append-request.ts";
import { unary } from "./calls.ts";
import { clusterServiceHandlers } from "./cluster-service.ts";
import { type ConsumeAnswer, ConsumeCall } from "./consume.ts";
import {
  clusterService,
  groupService,
  healthService,
  logService,
  reflectionAlphaService,
  reflectionService,
  streamService,
  topicService,
} from "./definition.ts";
import type { DescriptorIndex } from "./descriptor-index.ts";
import { fetchHandler } from "./fetch.ts";
import { Health } from "./health.ts";
import { listOffsetsHandler } from "./list-offsets.ts";
import type { MalformedRequest } from "./malformed-request.ts";
import { produceHandler } from "./produce.ts";
import { PublishCall } from "./publish.ts";
import { reflectionHandlers } from "./reflection.ts";
import { groupServiceHandlers } from "./group-service.ts";
import { JoinGroupCall } from "./join-group.ts";
import { streamServiceHandlers } from "./stream-service.ts";
import { type SubscribeAnswer, SubscribeCall, type SubscribeEnvironment } from "./subscribe.ts";
import { topicServiceHandlers } from "./topic-service.ts";

/** What the services stand on. */
export interface ServiceEnvironment extends AppendEnvironment, SubscribeEnvironment {
  readonly version: string;
  readonly descriptors: DescriptorIndex;
}

/** Services whose health can be asked. */
const MILLRACE_SERVICES = [
  "millrace.v1.ClusterService",
  "millrace.v1.GroupService",
  "millrace.v1.LogService",
  "millrace.v1.StreamService",
  "millrace.v1.TopicService",
];
const STANDARD_SERVICES = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

type PublishStream = ServerDuplexStream<
  ProduceFields | MalformedRequest,
  millrace.v1.PublishResponse.$Properties
>;
type SubscribeStream = ServerDuplexStream<millrace.v1.SubscribeRequest | MalformedRequest, SubscribeAnswer>;
type JoinGroupStream = ServerDuplexStream<
  millrace.v1.JoinGroupRequest | MalformedRequest,
  millrace.v1.JoinGroupResponse.$Properties
>;
type ConsumeStream = ServerDuplexStream<millrace.v1.ConsumeRequest | MalformedRequest, ConsumeAnswer>;

/** Adds every service to the server, and returns their health. */
export function addServices(server: Server, environment: ServiceEnvironment): Health {
  const { broker, version, descriptors } = environment;
  server.addService(topicService, topicServiceHandlers(environment, broker));
  server.addService(clusterService, clusterServiceHandlers(environment, broker, version));
  server.addService(logService, {
    produce: unary(environment, produceHandler(environment)),
    publish: (call: PublishStream) => void new PublishCall(environment, call),
    fetch: unary(environment, fetchHandler(broker)),
    subscribe: (call: SubscribeStream) => void new SubscribeCall(environment, call),
    listOffsets: unary(environment, listOffsetsHandler(broker)),
  });
  server.addService(groupService, {
    ...groupServiceHandlers(environment, broker),
    joinGroup: (call: JoinGroupStream) => void new JoinGroupCall(environment, call),
    consume: (call: ConsumeStream) => void new ConsumeCall(environment, call),
  });
  server.addService(streamService, streamServiceHandlers(environment));
  const health = new Health(environment, MILLRACE_SERVICES);
  server.addService(healthService, health.handlers());
  const services = [...MILLRACE_SERVICES, ...STANDARD_SERVICES];
  const reflection = reflectionHandlers(environment, { descriptors, services });
  server.addService(reflectionService, reflection);
  server.addService(reflectionAlphaService, reflection);
  return health;
}
