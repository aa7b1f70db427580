export * from "./assert.ts";
export * from "./big-endian.ts";
export * from "./clock.ts";
export * from "./crc32c.ts";
export * from "./limits.ts";
export * from "./logger.ts";
export * from "./random.ts";
export * from "./varint.ts";
