export * from "./listen-error.ts";
export { CONNECTION_LIMITS, type ConnectionLimits, connectionLimits, tryAddress } from "./listener.ts";
export { DEFAULT_HOST, RpcServer, type RpcServerOptions } from "./server.ts";
