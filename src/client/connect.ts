import { systemClock, systemRandom } from "../base/index.ts";
import type { Client, ConnectOptions } from "./api/client.ts";
import { Cluster } from "./cluster/cluster.ts";
import { ConnectedClient } from "./connected-client.ts";
import { requireKnown, wholeNumber } from "./option-checks.ts";
import { parseEndpoints } from "./transport/endpoint.ts";
import { clusterService } from "./transport/services.ts";

/**
 * Connects to a cluster and asks it who it is, so that a wrong address is told at once. Throws DISCONNECTED if no
 * broker could be reached, INVALID_REQUEST for an address that is none, TypeError for options outside their
 * ranges and unknown ones.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  requireKnown("connect", options, { brokers: true, timeoutMs: true, clientId: true });
  const cluster = new Cluster({
    endpoints: parseEndpoints(options.brokers),
    clientId: options.clientId ?? "millrace",
    timeoutMs: wholeNumber("timeoutMs", options.timeoutMs, { preset: 10_000, min: 1, max: 600_000 }),
    clock: systemClock,
    random: systemRandom,
  });
  try {
    await cluster.connections.callAny(clusterService.describeCluster, {}, "repeatable");
  } catch (thrown) {
    cluster.close();
    throw thrown;
  }
  return new ConnectedClient(cluster);
}
