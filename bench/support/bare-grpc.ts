/**
 * grpc-js without anything of ours on top: streams of raw buffers, with windows as the SDK and the broker have them.
 * It bounds what any service over grpc-js can reach with the same payload.
 */
import { Client, credentials, type MethodDefinition, type ServiceDefinition } from "@grpc/grpc-js";
import { RPC_MESSAGE_BYTES_MAX } from "../../src/base/index.ts";
import { WINDOW_BYTES } from "../../src/rpc/grpc-internals.ts";

const asIs = (bytes: Buffer): Buffer => bytes;

function method(name: string, requestStream: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/bench.Bare/${name}`,
    requestStream,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

/** Up: batches one way, a small ack for each the other way. Down: chunks of a file to whoever asks. */
export const BARE_SERVICE = {
  up: method("Up", true),
  down: method("Down", false),
} as const satisfies ServiceDefinition;

/** Channel and server options that both sides need for large messages. */
export const BARE_OPTIONS = {
  "grpc.max_receive_message_length": RPC_MESSAGE_BYTES_MAX,
  "grpc.max_send_message_length": RPC_MESSAGE_BYTES_MAX,
} as const;

/** A client with a connection of its own. */
export function dialBare(port: number): Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    ...BARE_OPTIONS,
    "grpc-node.flow_control_window": WINDOW_BYTES,
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
  });
}
