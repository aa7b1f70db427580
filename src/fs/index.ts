export type { CrashOptions } from "./crash.ts";
export * from "./fault-plan.ts";
export * from "./faulty-fs.ts";
export * from "./file-system.ts";
export * from "./memory-fs.ts";
export * from "./node-fs.ts";
export * from "./power-loss-error.ts";
export { WRITE_BUFFERS_MAX } from "./ranges.ts";
