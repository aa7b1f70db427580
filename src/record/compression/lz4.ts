import { type Codec, damaged } from "./codec.ts";
import { measureLz4Frame } from "./lz4-frame.ts";
import { lazyNativeModule } from "./native-module.ts";

interface Lz4Module {
  compressFrameSync(bytes: Buffer): Buffer;
  decompressFrameSync(bytes: Buffer): Buffer;
}

const loadLz4 = lazyNativeModule<Lz4Module>("lz4", "lz4-napi");

/** One LZ4 frame with independent blocks, the only kind that Kafka's Java client reads. */
export const lz4: Codec = {
  compress: (bytes) => loadLz4().compressFrameSync(bytes),
  decompress(bytes, bytesMax) {
    const { decompressFrameSync } = loadLz4();
    const size = measureLz4Frame(bytes, bytesMax);
    const records = decompressWhole(decompressFrameSync, bytes);
    if (records.length !== size) throw damaged("lz4", `${records.length} bytes came out instead of ${size}`);
    return records;
  },
};

function decompressWhole(decompressFrameSync: Lz4Module["decompressFrameSync"], bytes: Buffer): Buffer {
  try {
    return decompressFrameSync(bytes);
  } catch (error) {
    throw damaged("lz4", "a damaged frame", error);
  }
}
