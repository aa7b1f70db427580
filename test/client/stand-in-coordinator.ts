/** Brokers that only say who coordinates a group and answer what a test tells them to: real ones come alone. */
import { promisify } from "node:util";
import { Server, ServerCredentials, type ServiceDefinition, type handleUnaryCall } from "@grpc/grpc-js";
import { MillraceError } from "../../src/errors/index.ts";
import { clusterService, groupService } from "../../src/client/transport/services.ts";
import { errorToStatus } from "../../src/wire/index.ts";

/** What a stand-in was asked. */
export interface Asked {
  readonly method: string;
  readonly request: Record<string, unknown>;
}

/** Answers by method: the same each time, or one that throws a MillraceError. */
export type Answers = Readonly<Record<string, object | (() => object)>>;

export class StandInCoordinator {
  readonly asked: Asked[] = [];
  answers: Answers = {};
  readonly #server = new Server();
  #port = 0;

  static async start(): Promise<StandInCoordinator> {
    const broker = new StandInCoordinator();
    broker.#add(clusterService);
    broker.#add(groupService);
    const bind = promisify(broker.#server.bindAsync.bind(broker.#server));
    broker.#port = await bind("127.0.0.1:0", ServerCredentials.createInsecure());
    return broker;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #add(service: object): void {
    const handlers = Object.keys(service).map((method): [string, handleUnaryCall<object, object>] => [
      method,
      (call, done) => {
        this.asked.push({ method, request: JSON.parse(JSON.stringify(call.request)) });
        try {
          const answer = this.answers[method] ?? {};
          done(null, typeof answer === "function" ? (answer as () => object)() : answer);
        } catch (thrown) {
          done(errorToStatus(MillraceError.from(thrown)));
        }
      },
    ]);
    this.#server.addService(service as ServiceDefinition, Object.fromEntries(handlers));
  }
}
