import { MillraceError } from "../../errors/index.ts";
import { BrokerConnection, type ConnectionOptions } from "../transport/broker-connection.ts";
import { parseEndpoint } from "../transport/endpoint.ts";
import type { Callable } from "../transport/services.ts";

/** The connections of a client: one to each broker, by endpoint, made when first needed. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #connections = new Map<string, BrokerConnection>();
  /** The endpoints given to `connect`, that which answered last in front. */
  #bootstrap: readonly string[];
  #isClosed = false;

  constructor(bootstrap: readonly string[], options: ConnectionOptions) {
    this.#bootstrap = bootstrap;
    this.#options = options;
  }

  /** The connection to an endpoint; a given one and an advertised one that are equal share it. */
  to(endpoint: string): BrokerConnection {
    if (this.#isClosed) throw new MillraceError("CANCELLED", "the client is closed", { effect: "none" });
    let connection = this.#connections.get(endpoint);
    if (connection === undefined) {
      const origin = this.#bootstrap.includes(endpoint) ? "given" : "advertised";
      connection = new BrokerConnection(parseEndpoint(endpoint), origin, this.#options);
      this.#connections.set(endpoint, connection);
    }
    return connection;
  }

  /**
   * Calls any broker: the one that answered last, and when a broker cannot be reached the next. A call that may have
   * had an effect is made again only if it is repeatable. Throws the last failure.
   */
  async callAny<Request, Response>(
    method: Callable<Request, Response>,
    request: Request,
    kind: "once" | "repeatable" = "once",
  ): Promise<Response> {
    let failure: MillraceError | undefined;
    for (const endpoint of this.#bootstrap) {
      try {
        const response = await this.to(endpoint).call(method, request);
        this.#prefer(endpoint);
        return response;
      } catch (thrown) {
        failure = MillraceError.from(thrown);
        const isAway = failure.reason === "DISCONNECTED" || failure.reason === "DEADLINE_EXCEEDED";
        if (!isAway || (failure.effect !== "none" && kind === "once")) throw failure;
      }
    }
    throw failure!;
  }

  /** Ends every connection; calls under way fail. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  #prefer(endpoint: string): void {
    if (this.#bootstrap[0] === endpoint) return;
    this.#bootstrap = [endpoint, ...this.#bootstrap.filter((other) => other !== endpoint)];
  }
}
