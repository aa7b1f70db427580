import zlib from "node:zlib";
import { MillraceError } from "../../errors/index.ts";
import { type Codec, damaged, unfoldsTooFar } from "./codec.ts";
import { type DecompressedWithEngine, isOverLimit, limits } from "./zlib-limits.ts";

/** 8 MiB, the window that RFC 8878 asks every decoder to take: streaming encoders declare 2 MiB for ten bytes. */
const WINDOW_LOG_MIN = 23;

/**
 * One Zstandard frame (RFC 8878). Node has it from 22.15; before that both directions throw
 * UNSUPPORTED_COMPRESSION. A frame whose window is larger than 8 MiB and larger than all that it may unfold to is
 * refused, because the decoder would allocate it: under the default limits that concerns levels 21 and 22.
 */
export const zstd: Codec = {
  compress(bytes) {
    requireZstd();
    return zlib.zstdCompressSync(bytes);
  },
  decompress(bytes, bytesMax) {
    requireZstd();
    const windowLogMax = Math.max(WINDOW_LOG_MIN, Math.ceil(Math.log2(bytesMax)));
    const params = { [zlib.constants.ZSTD_d_windowLogMax]: windowLogMax };
    let result: DecompressedWithEngine;
    try {
      const options = { ...limits(bytesMax), params };
      result = zlib.zstdDecompressSync(bytes, options) as unknown as DecompressedWithEngine;
    } catch (error) {
      if (isOverLimit(error)) throw unfoldsTooFar("zstd", bytesMax);
      if (isWindowTooLarge(error)) throw damaged("zstd", `its window is over 2^${windowLogMax} bytes`, error);
      throw damaged("zstd", "damaged or cut off", error);
    }
    if (result.engine.bytesWritten !== bytes.length) throw damaged("zstd", "bytes follow its end");
    return result.buffer;
  },
};

function isWindowTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).endsWith("windowTooLarge");
}

function requireZstd(): void {
  if (typeof zlib.zstdCompressSync === "function") return;
  const text = `zstd is not available: Node ${process.versions.node} has none, Node 22.15 or newer has`;
  throw new MillraceError("UNSUPPORTED_COMPRESSION", `${text}; upgrade, or use lz4 or gzip`, {
    details: { compression: "zstd" },
  });
}
