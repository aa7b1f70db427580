import type { Compression } from "../batch-format.ts";
import type { Codec } from "./codec.ts";
import { gzip } from "./gzip.ts";
import { lz4 } from "./lz4.ts";
import { snappy } from "./snappy.ts";
import { zstd } from "./zstd.ts";

const CODECS: Readonly<Record<Exclude<Compression, "none">, Codec>> = { gzip, snappy, lz4, zstd };

/** Compresses the records of a batch. Throws UNSUPPORTED_COMPRESSION if this platform lacks the codec. */
export function compress(compression: Exclude<Compression, "none">, bytes: Buffer): Buffer {
  return CODECS[compression].compress(bytes);
}

/** Throws UNSUPPORTED_COMPRESSION if this platform lacks the codec: better asked early than met with the first batch. */
export function requireCompression(compression: Compression): void {
  if (compression !== "none") compress(compression, Buffer.alloc(1));
}

/**
 * Decompresses the records of a batch. Throws BATCH_TOO_LARGE if they unfold to more than `bytesMax`, INVALID_BATCH
 * if they are damaged, UNSUPPORTED_COMPRESSION if this platform lacks the codec.
 */
export function decompress(
  compression: Exclude<Compression, "none">,
  bytes: Buffer,
  bytesMax: number,
): Buffer {
  return CODECS[compression].decompress(bytes, bytesMax);
}
