/** What Node's zlib calls for gzip and zstd have in common. */
import type { ZlibOptions } from "node:zlib";

/** Output is gathered in pieces of this size. */
const PIECE_BYTES = 65_536;

/** What a sync call with `info: true` returns; Node's types leave it out. */
export interface DecompressedWithEngine {
  readonly buffer: Buffer;
  /** `bytesWritten` counts the input used. */
  readonly engine: { readonly bytesWritten: number };
}

/** Options that stop decompression at `bytesMax` and tell how much input was used. */
export function limits(bytesMax: number): Pick<ZlibOptions, "maxOutputLength" | "info" | "chunkSize"> {
  return { maxOutputLength: bytesMax, info: true, chunkSize: PIECE_BYTES };
}

/** True for the error that `maxOutputLength` causes. */
export function isOverLimit(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
}
