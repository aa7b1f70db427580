export * from "./listen-error.ts";
export { CONNECTION_LIMITS, type ConnectionLimits, tryAddress } from "./listener.ts";
export { DEFAULT_HOST, RpcServer, type RpcServerOptions } from "./server.ts";
