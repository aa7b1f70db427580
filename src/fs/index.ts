export * from "./file-system.ts";
export * from "./memory-fs.ts";
export * from "./node-fs.ts";
export { WRITE_BUFFERS_MAX } from "./ranges.ts";
