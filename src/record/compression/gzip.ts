import zlib from "node:zlib";
import { type Codec, damaged, unfoldsTooFar } from "./codec.ts";
import { type DecompressedWithEngine, isOverLimit, limits } from "./zlib-limits.ts";

/** GZIP (RFC 1952): written as one member; several are read as the one stream that they are. */
export const gzip: Codec = {
  compress: (bytes) => zlib.gzipSync(bytes),
  decompress(bytes, bytesMax) {
    let result: DecompressedWithEngine;
    try {
      result = zlib.gunzipSync(bytes, limits(bytesMax)) as unknown as DecompressedWithEngine;
    } catch (error) {
      if (isOverLimit(error)) throw unfoldsTooFar("gzip", bytesMax);
      throw damaged("gzip", "damaged or cut off", error);
    }
    if (result.engine.bytesWritten !== bytes.length) throw damaged("gzip", "bytes follow its end");
    return result.buffer;
  },
};
