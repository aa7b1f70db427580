import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor.js";
import { beforeEach, describe, expect, it } from "vitest";
import { grpc } from "../../src/gen/millrace.js";
import { serviceDefinition } from "../../src/wire/index.ts";
import { FakeBroker } from "./fake-broker.ts";
import { connect, log, reflection, startServer, type TestClient } from "./harness.ts";

const { ServerReflection } = grpc.reflection.v1alpha;
const alpha = serviceDefinition(grpc.reflection.v1alpha, ServerReflection);
type Question = grpc.reflection.v1.ServerReflectionRequest.$Properties;

describe("reflection", () => {
  let client: TestClient;

  beforeEach(async () => {
    client = connect(await startServer(new FakeBroker()));
  });

  async function ask(...questions: Question[]) {
    const stream = client.stream(reflection.serverReflectionInfo);
    for (const question of questions) stream.send(question);
    stream.call.end();
    const answers = await stream.take(questions.length);
    expect(await stream.end).toBeUndefined();
    return answers;
  }

  const names = (files: readonly Uint8Array[]) =>
    files.map((file) => descriptor.FileDescriptorProto.decode(file).toJSON().name);

  it("lists all services under both versions", async () => {
    const expected = [
      "millrace.v1.ClusterService",
      "millrace.v1.GroupService",
      "millrace.v1.LogService",
      "millrace.v1.StreamService",
      "millrace.v1.TopicService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ];
    const [answer] = await ask({ listServices: "", host: "h" });
    expect(answer!.listServicesResponse!.service!.map(({ name }) => name)).toEqual(expected);
    expect(answer).toMatchObject({ validHost: "h", originalRequest: { host: "h", listServices: "" } });
    const stream = client.stream(alpha.serverReflectionInfo);
    stream.send({ listServices: "*" });
    expect((await stream.next())!.listServicesResponse!.service).toHaveLength(expected.length);
    stream.call.end();
    expect(await stream.end).toBeUndefined();
  });

  it("gives a file with everything that it imports, the file first", async () => {
    const [answer] = await ask({ fileByFilename: "millrace/v1/log_service.proto" });
    const files = names(answer!.fileDescriptorResponse!.fileDescriptorProto!);
    expect(files[0]).toBe("millrace/v1/log_service.proto");
    expect([...files].sort()).toEqual([
      "google/protobuf/any.proto",
      "google/rpc/status.proto",
      "millrace/v1/log_service.proto",
      "millrace/v1/types.proto",
    ]);
  });

  it.each([
    ["millrace.v1.LogService", "millrace/v1/log_service.proto"],
    ["millrace.v1.LogService.Publish", "millrace/v1/log_service.proto"],
    ["millrace.v1.Topic", "millrace/v1/topic_service.proto"],
    ["millrace.v1.Topic.topic_id", "millrace/v1/topic_service.proto"],
    ["millrace.v1.CreateTopicRequest.ConfigsEntry", "millrace/v1/topic_service.proto"],
    ["millrace.v1.Reason", "millrace/v1/errors.proto"],
    ["millrace.v1.REASON_INTERNAL", "millrace/v1/errors.proto"],
    ["google.rpc.ErrorInfo", "google/rpc/error_details.proto"],
    ["google.protobuf.Duration", "google/protobuf/duration.proto"],
    ["grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"],
    ["grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"],
  ])("finds %s in %s", async (fileContainingSymbol, file) => {
    const [answer] = await ask({ fileContainingSymbol });
    expect(names(answer!.fileDescriptorResponse!.fileDescriptorProto!)[0]).toBe(file);
  });

  it("answers what it does not have in order, each with NOT_FOUND", async () => {
    const answers = await ask(
      { fileByFilename: "nope.proto" },
      { fileContainingSymbol: "millrace.v1.Nope" },
      { fileContainingExtension: { containingType: "millrace.v1.Topic", extensionNumber: 1 } },
      { allExtensionNumbersOfType: "millrace.v1.Topic" },
      {},
      { listServices: "" },
    );
    expect(answers.map(({ errorResponse }) => errorResponse?.errorCode)).toEqual([5, 5, 5, 5, 3, undefined]);
  });

  it("suffices for a client that knows nothing of the schema", async () => {
    const [answer] = await ask({ fileContainingSymbol: "millrace.v1.LogService" });
    const file = answer!.fileDescriptorResponse!.fileDescriptorProto!.map((bytes) =>
      descriptor.FileDescriptorProto.decode(bytes),
    );
    const root = protobuf.Root.fromDescriptor({ file } as Parameters<typeof protobuf.Root.fromDescriptor>[0]);
    const produce = root.lookupService("millrace.v1.LogService").methods.Produce!;
    const request = root.lookupType(produce.requestType);
    const error = await client.failure(
      { ...log.produce, requestSerialize: (fields: object) => Buffer.from(request.encode(fields).finish()) },
      { topic: "unknown", records: { records: [{ value: Buffer.from("x") }] } },
    );
    expect(error.reason).toBe("TOPIC_NOT_FOUND");
  });

  it("is asked a thousand questions on one stream and answers each", async () => {
    const answers = await ask(...new Array(1_000).fill({ fileContainingSymbol: "millrace.v1.Topic" }));
    expect(answers).toHaveLength(1_000);
  });
});
