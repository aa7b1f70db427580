import { MillraceError } from "../../errors/index.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { BrokerConnection } from "../transport/broker-connection.ts";
import type { Callable } from "../transport/services.ts";

/** The way to the broker that coordinates a group: found once, and again after it was not there. */
export class CoordinatorLink {
  readonly #cluster: Cluster;
  readonly #group: string;
  #connection: BrokerConnection | undefined;

  constructor(cluster: Cluster, group: string) {
    this.#cluster = cluster;
    this.#group = group;
  }

  /** Asks who it is now. */
  async find(): Promise<BrokerConnection> {
    this.#connection = await this.#cluster.coordinator(this.#group);
    return this.#connection;
  }

  /** Calls it, once. */
  async call<Request, Response>(method: Callable<Request, Response>, request: Request): Promise<Response> {
    try {
      const connection = this.#connection ?? (await this.find());
      return await connection.call(method, request);
    } catch (thrown) {
      const error = MillraceError.from(thrown);
      if (error.retry !== "never" && error.retry !== "rejoin") this.#connection = undefined;
      throw error;
    }
  }
}
