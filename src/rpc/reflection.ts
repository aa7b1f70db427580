/**
 * grpc.reflection.v1.ServerReflection (and v1alpha, whose messages are the same): lets grpcurl, grpcui and Python's
 * grpcio learn the schema from the server. Our own, as @grpc/reflection 1.0.4 fails for schemas with imports.
 */
import type { ServerDuplexStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { MillraceError } from "../errors/index.ts";
import type { grpc } from "../gen/millrace.js";
import { type BidiHandler, BidiStream } from "./bidi-stream.ts";
import { type CallEnvironment, shuttingDown } from "./calls.ts";
import { DeliveryWriter } from "./delivery-writer.ts";
import type { DescriptorIndex } from "./descriptor-index.ts";
import { resetStalled } from "./grpc-internals.ts";
import type { MalformedRequest } from "./malformed-request.ts";

type Request = grpc.reflection.v1.ServerReflectionRequest;
type Response = grpc.reflection.v1.ServerReflectionResponse.$Properties;
type Call = ServerDuplexStream<Request | MalformedRequest, Response>;

/** gRPC codes that the protocol prescribes. */
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;

/** Bytes that an answer is counted with besides its files. */
const ANSWER_BYTES = 1_024;

/** What reflection answers from. */
export interface ReflectionSource {
  readonly descriptors: DescriptorIndex;
  /** Full names of the services to list. */
  readonly services: readonly string[];
}

/** The handlers of the service. */
export function reflectionHandlers(
  environment: CallEnvironment,
  source: ReflectionSource,
): UntypedServiceImplementation {
  return { serverReflectionInfo: (call: Call) => void new ReflectionCall(environment, source, call) };
}

class ReflectionCall implements BidiHandler<Request> {
  readonly #source: ReflectionSource;
  readonly #stream: BidiStream<Request, Response>;
  #halfClosed = false;
  readonly #writer: DeliveryWriter<Response>;
  #unanswered = 0;

  constructor(environment: CallEnvironment, source: ReflectionSource, call: Call) {
    this.#source = source;
    this.#stream = new BidiStream(environment, call, this);
    this.#writer = new DeliveryWriter(this.#stream, {
      clock: environment.clock,
      budget: environment.sending,
      reset: () => resetStalled(call),
      blocked: () => {}, // one question is read at a time in any case
    });
  }

  /** The next question is read when there is room for its answer. */
  request(request: Request): void {
    this.#unanswered++;
    this.#stream.pause();
    const answer = { validHost: request.host, originalRequest: request, ...this.#answer(request) };
    const files = answer.fileDescriptorResponse?.fileDescriptorProto ?? [];
    const bytes = files.reduce((sum, file) => sum + file.length, ANSWER_BYTES);
    void this.#writer.write(answer, bytes).then(() => {
      this.#unanswered--;
      this.#stream.resume();
      this.#finishIfAnswered();
    });
  }

  malformed(error: MillraceError): void {
    this.#stream.fail(error);
  }

  halfClosed(): void {
    this.#halfClosed = true;
    this.#finishIfAnswered();
  }

  gone(): void {
    this.#writer.gone();
  }

  drain(): void {
    this.#stream.fail(shuttingDown());
  }

  #finishIfAnswered(): void {
    if (this.#halfClosed && this.#unanswered === 0) this.#stream.finish();
  }

  #answer(request: Request): Response {
    const { descriptors, services } = this.#source;
    switch (request.messageRequest) {
      case "listServices":
        return { listServicesResponse: { service: services.map((name) => ({ name })) } };
      case "fileByFilename":
        return files(descriptors.byName(request.fileByFilename ?? ""), `file ${request.fileByFilename}`);
      case "fileContainingSymbol":
        return files(descriptors.bySymbol(request.fileContainingSymbol ?? ""), request.fileContainingSymbol);
      case "fileContainingExtension":
        return failure(NOT_FOUND, "the schema has no extensions");
      case "allExtensionNumbersOfType":
        return failure(NOT_FOUND, "the schema has no extensions");
      default:
        return failure(INVALID_ARGUMENT, "the request asks nothing");
    }
  }
}

function files(found: Buffer[] | undefined, what: string | null | undefined): Response {
  if (found === undefined) return failure(NOT_FOUND, `not in the schema: ${what}`);
  return { fileDescriptorResponse: { fileDescriptorProto: found } };
}

function failure(errorCode: number, errorMessage: string): Response {
  return { errorResponse: { errorCode, errorMessage } };
}
