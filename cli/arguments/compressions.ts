import type { Compression } from "../../src/index.ts";

/** The codecs a producer may be told to use. */
export const COMPRESSIONS = [
  "none",
  "gzip",
  "snappy",
  "lz4",
  "zstd",
] as const satisfies readonly Compression[];
