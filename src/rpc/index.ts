export * from "./listen-error.ts";
export { CONNECTION_LIMITS, type ConnectionLimits } from "./listener.ts";
export { RpcServer, type RpcServerOptions } from "./server.ts";
