/** A server on a free port and a plain client for it, closed after each test. */
import { Client, type ClientOptions, credentials, type Metadata } from "@grpc/grpc-js";
import { afterEach } from "vitest";
import type { BrokerApi } from "../../src/broker/types.ts";
import type { MillraceError } from "../../src/errors/index.ts";
import { grpc, millrace } from "../../src/gen/millrace.js";
import { BatchBuilder } from "../../src/record/index.ts";
import { RpcServer, type RpcServerOptions } from "../../src/rpc/index.ts";
import { type CallFailure, type Method, serviceDefinition, statusToError } from "../../src/wire/index.ts";

const { v1 } = millrace;
export const log = serviceDefinition(v1, v1.LogService);
export const topics = serviceDefinition(v1, v1.TopicService);
export const cluster = serviceDefinition(v1, v1.ClusterService);
export const group = serviceDefinition(v1, v1.GroupService);
export const health = serviceDefinition(grpc.health.v1, grpc.health.v1.Health);
export const reflection = serviceDefinition(grpc.reflection.v1, grpc.reflection.v1.ServerReflection);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Runs after the test, last registered first. */
export function atEnd(close: () => unknown): void {
  closing.push(close);
}

export async function startServer(broker: BrokerApi, options: RpcServerOptions = {}): Promise<RpcServer> {
  const server = await RpcServer.start(broker, { port: 0, ...options });
  atEnd(() => server.drain(0));
  return server;
}

export function connect(server: { endpoint: string }, options: ClientOptions = {}): TestClient {
  return new TestClient(server.endpoint, options);
}

interface CallOptions {
  readonly deadline?: number;
  readonly metadata?: Metadata;
  readonly signal?: AbortSignal;
}

/** Calls as promises; failures are MillraceErrors. */
export class TestClient {
  readonly raw: Client;

  constructor(endpoint: string, options: ClientOptions) {
    this.raw = new Client(endpoint, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
      ...options,
    });
    atEnd(() => this.raw.close());
  }

  call<Request, Response>(
    method: Method<Request, unknown, never, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { deadline, signal } = options;
      const call = this.raw.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        deadline === undefined ? {} : { deadline },
        (error, response) => (error ? reject(statusToError(error)) : resolve(response!)),
      );
      signal?.addEventListener("abort", () => call.cancel());
    });
  }

  /** What a unary call fails with. */
  async failure<Request>(
    method: Method<Request, unknown, never, unknown>,
    request: Request,
    options: CallOptions = {},
  ): Promise<MillraceError> {
    return this.call(method, request, options).then(
      () => {
        throw new Error("the call did not fail");
      },
      (error) => error,
    );
  }

  stream<Request, Response>(
    method: Method<Request, unknown, never, Response>,
  ): TestStream<Request, Response> {
    return new TestStream(this.raw, method);
  }
}

/** A bidi stream whose answers are taken one by one. */
export class TestStream<Request, Response> {
  readonly call;
  readonly #answers: Response[] = [];
  readonly #waiting: ((answer: Response | undefined) => void)[] = [];
  /** How the stream ended; undefined means well. */
  readonly end: Promise<MillraceError | undefined>;
  #over = false;

  constructor(raw: Client, method: Method<Request, unknown, never, Response>) {
    this.call = raw.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
    this.call.on("data", (answer: Response) => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#answers.push(answer);
      else next(answer);
    });
    this.end = new Promise((resolve) => {
      this.call.on("error", (error) => resolve(statusToError(error as CallFailure)));
      this.call.on("end", () => setImmediate(() => resolve(undefined)));
    });
    void this.end.then(() => {
      this.#over = true;
      for (const waiting of this.#waiting.splice(0)) waiting(undefined);
    });
  }

  send(request: Request): void {
    this.call.write(request);
  }

  /** The next answer, undefined if the stream ended without one. */
  next(): Promise<Response | undefined> {
    const answer = this.#answers.shift();
    if (answer !== undefined || this.#over) return Promise.resolve(answer);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async take(count: number): Promise<Response[]> {
    const taken: Response[] = [];
    for (let i = 0; i < count; i++) {
      const answer = await this.next();
      if (answer === undefined) break;
      taken.push(answer);
    }
    return taken;
  }
}

/** One encoded batch of records with these values. */
export function batchOf(...values: (string | Buffer)[]): Buffer {
  const builder = new BatchBuilder({ bytesMax: 3 * 1_048_576, compression: "none" });
  for (const value of values) builder.append(null, value, 1_700_000_000_000);
  return Buffer.from(builder.build());
}

/** Waits until the condition holds, up to a bound far above what any machine needs. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A promise that the test resolves. */
export function latch(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
