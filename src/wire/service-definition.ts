/**
 * Makes grpc-js service definitions out of the services that pbjs generates. A method may replace one or more of its
 * four codec functions, where the generated ones would copy or build too much.
 */
import type { MethodDefinition } from "@grpc/grpc-js";

/** A method of a generated service: a function with these properties. */
interface GeneratedMethod {
  readonly name: string;
  readonly path: string;
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream: true | undefined;
  readonly responseStream: true | undefined;
}

/** A generated message class, as far as it matters here. */
interface GeneratedMessage {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

/** The codec functions of a method, any of which may be replaced. */
export interface MethodCodec {
  /** Client side: a request to bytes. */
  readonly requestSerialize?: (request: never) => Buffer;
  /** Server side: bytes to a request. */
  readonly requestDeserialize?: (bytes: Buffer) => unknown;
  /** Server side: a response to bytes. */
  readonly responseSerialize?: (response: never) => Buffer;
  /** Client side: bytes to a response. */
  readonly responseDeserialize?: (bytes: Buffer) => unknown;
}

type MethodName<Service> = {
  [Name in keyof Service]: Service[Name] extends GeneratedMethod ? Name : never;
}[keyof Service];

type Decoded<Messages, Name> = Name extends keyof Messages
  ? Messages[Name] extends { decode(reader: Uint8Array, length?: number): infer Message }
    ? Message
    : never
  : never;

type Encodable<Messages, Name> = Name extends keyof Messages
  ? Messages[Name] extends { encode(message: infer Message, writer?: never): unknown }
    ? Message
    : never
  : never;

/** One method with the types of its four codec functions. */
export interface Method<RequestIn, RequestOut, ResponseIn, ResponseOut> {
  readonly path: string;
  readonly originalName: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (request: RequestIn) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => RequestOut;
  readonly responseSerialize: (response: ResponseIn) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => ResponseOut;
}

type Argument<Replaced, Function extends keyof MethodCodec, Default> = Function extends keyof Replaced
  ? Replaced[Function] extends (value: infer Value) => unknown
    ? Value
    : Default
  : Default;

type Result<Replaced, Function extends keyof MethodCodec, Default> = Function extends keyof Replaced
  ? Replaced[Function] extends (...values: never[]) => infer Value
    ? Value
    : Default
  : Default;

type Replacement<Replacements, Name> = Name extends keyof Replacements ? Replacements[Name] : object;

/** The definition of a service: its methods by the names that pbjs gives them (`createTopic`). */
export type TypedServiceDefinition<Messages, Service, Replacements> = {
  readonly [Name in MethodName<Service>]: Service[Name] extends GeneratedMethod
    ? Method<
        Argument<
          Replacement<Replacements, Name>,
          "requestSerialize",
          Encodable<Messages, Service[Name]["requestType"]>
        >,
        Result<
          Replacement<Replacements, Name>,
          "requestDeserialize",
          Decoded<Messages, Service[Name]["requestType"]>
        >,
        Argument<
          Replacement<Replacements, Name>,
          "responseSerialize",
          Encodable<Messages, Service[Name]["responseType"]>
        >,
        Result<
          Replacement<Replacements, Name>,
          "responseDeserialize",
          Decoded<Messages, Service[Name]["responseType"]>
        >
      >
    : never;
};

/**
 * The definition of a generated service. `messages` is the namespace that holds its messages, `replacements` the
 * codec functions to use instead of the generated ones, by method.
 *
 *     serviceDefinition(millrace.v1, millrace.v1.LogService, { publish: { requestSerialize: … } })
 */
export function serviceDefinition<
  Messages extends object,
  Service extends object,
  const Replacements extends { readonly [Name in MethodName<Service>]?: MethodCodec } = object,
>(
  messages: Messages,
  service: { readonly prototype: Service },
  replacements?: Replacements,
): TypedServiceDefinition<Messages, Service, Replacements> {
  const definition: Record<string, MethodDefinition<unknown, unknown>> = {};
  for (const [name, member] of Object.entries(service.prototype)) {
    if (!isGeneratedMethod(member)) continue;
    const request = messageCodec(messages, member.requestType);
    const response = messageCodec(messages, member.responseType);
    definition[name] = {
      path: member.path,
      originalName: name,
      requestStream: member.requestStream === true,
      responseStream: member.responseStream === true,
      requestSerialize: request.serialize,
      requestDeserialize: request.deserialize,
      responseSerialize: response.serialize,
      responseDeserialize: response.deserialize,
      ...(replacements as Record<string, object> | undefined)?.[name],
    };
  }
  return definition as unknown as TypedServiceDefinition<Messages, Service, Replacements>;
}

function isGeneratedMethod(member: unknown): member is GeneratedMethod {
  return typeof member === "function" && "path" in member && "requestType" in member;
}

/** Types are named relative to the namespace ("Topic") or in full ("google.rpc.Status"). */
function messageCodec(messages: object, type: string) {
  let found: unknown = messages;
  for (const part of type.split(".")) found = (found as Record<string, unknown> | undefined)?.[part];
  if (found === undefined) throw new TypeError(`the namespace has no message ${type}`);
  const message = found as GeneratedMessage;
  return {
    serialize: (value: unknown) => asBuffer(message.encode(value).finish()),
    deserialize: (bytes: Buffer) => message.decode(bytes),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
