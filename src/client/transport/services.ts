/** The services as the client calls them: batches are gathered into the frame instead of copied. */
import { grpc, millrace } from "../../gen/millrace.js";
import { type BatchToSend, encodePublishRequest, type Method, serviceDefinition } from "../../wire/index.ts";

/** The side of a method that a client needs. */
export type Callable<Request, Response> = Pick<
  Method<Request, unknown, never, Response>,
  "path" | "requestSerialize" | "responseDeserialize"
>;

/** Administration of topics. */
export const topicService = serviceDefinition(millrace.v1, millrace.v1.TopicService);
/** The cluster and its identities. */
export const clusterService = serviceDefinition(millrace.v1, millrace.v1.ClusterService);
/** Consumer groups. */
export const groupService = serviceDefinition(millrace.v1, millrace.v1.GroupService);
/** Health, as grpc.health.v1 defines it. */
export const healthService = serviceDefinition(grpc.health.v1, grpc.health.v1.Health);
/** Records. A batch to publish is given as it is. */
export const logService = serviceDefinition(millrace.v1, millrace.v1.LogService, {
  publish: {
    requestSerialize: (request: BatchToSend) => encodePublishRequest(request).asSerialized(),
  },
});
