/** grpc.health.v1.Health: the whole server under "", and each service by its full name. */
import type {
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { grpc } from "../gen/millrace.js";
import { errorToStatus } from "../wire/index.ts";
import { type CallEnvironment, type Drainable, shuttingDown } from "./calls.ts";
import { MalformedRequest } from "./malformed-request.ts";

type Request = grpc.health.v1.HealthCheckRequest;
type Response = grpc.health.v1.HealthCheckResponse.$Properties;
type CheckCall = ServerUnaryCall<Request | MalformedRequest, Response>;
type WatchCall = ServerWritableStream<Request | MalformedRequest, Response>;

const { ServingStatus } = grpc.health.v1.HealthCheckResponse;
/** gRPC's NOT_FOUND, which the health protocol prescribes for unknown services. */
const NOT_FOUND = 5;

/** Health of all services, which serve together or not at all. */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #environment: CallEnvironment;
  readonly #watchers = new Set<WatchCall>();
  #serving = true;

  constructor(environment: CallEnvironment, services: readonly string[]) {
    this.#environment = environment;
    this.#services = new Set(["", ...services]);
  }

  /** Stops serving: Check says NOT_SERVING from now on, and every watcher is told. */
  stopServing(): void {
    this.#serving = false;
    for (const call of this.#watchers) this.#tell(call);
  }

  /** The handlers of the service. */
  handlers(): UntypedServiceImplementation {
    return {
      check: (call: CheckCall, callback: sendUnaryData<Response>) => this.#check(call.request, callback),
      watch: (call: WatchCall) => this.#watch(call),
    };
  }

  #check(request: Request | MalformedRequest, callback: sendUnaryData<Response>): void {
    if (request instanceof MalformedRequest) callback(errorToStatus(request.error), null);
    else if (this.#services.has(request.service)) callback(null, { status: this.#status() });
    else callback({ code: NOT_FOUND, details: "the server has no such service" }, null);
  }

  #watch(call: WatchCall): void {
    if (call.request instanceof MalformedRequest) {
      call.emit("error", errorToStatus(call.request.error));
      return;
    }
    const drainable: Drainable = { drain: () => call.emit("error", errorToStatus(shuttingDown())) };
    this.#environment.open.add(drainable);
    this.#watchers.add(call);
    call.once("cancelled", () => {
      this.#watchers.delete(call);
      this.#environment.open.delete(drainable);
    });
    this.#tell(call);
  }

  /** There are at most two statuses in a watcher's life, so nothing can pile up behind a slow one. */
  #tell(call: WatchCall): void {
    const { service } = call.request as Request;
    call.write({ status: this.#services.has(service) ? this.#status() : ServingStatus.SERVICE_UNKNOWN });
  }

  #status(): grpc.health.v1.HealthCheckResponse.ServingStatus {
    return this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }
}
