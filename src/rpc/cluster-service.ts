/** ClusterService: the cluster and its identities. See proto/millrace/v1/cluster_service.proto. */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { BrokerApi } from "../broker/index.ts";
import { type CallEnvironment, unaryService } from "./calls.ts";
import { clusterService } from "./definition.ts";

/** The handlers of ClusterService; `version` is that of this program. */
export function clusterServiceHandlers(
  environment: CallEnvironment,
  broker: BrokerApi,
  version: string,
): UntypedServiceImplementation {
  return unaryService(environment, clusterService, {
    describeCluster() {
      const { clusterId, brokers, controller } = broker.describeCluster();
      const listed = brokers.map(({ brokerId, endpoint }) => ({ brokerId, endpoint }));
      return { clusterId, brokers: listed, controller, version };
    },

    initProducerId: () => broker.initProducerId(),
  });
}
