import { gzipSync } from "node:zlib";
import { crc32c } from "../../src/base/index.ts";
import { batchOf } from "./harness.ts";

/** A gzip batch of one record with `valueBytes` zeros, however many: other clients' encoders have no bound. */
export function unfoldingBatch(valueBytes: number): Buffer {
  const valueLength = zigzag(valueBytes);
  const bodyLength = 5 + valueLength.length + valueBytes;
  const head = Buffer.from([...zigzag(bodyLength), 0, 0, 0, 1, ...valueLength]);
  const records = gzipSync(Buffer.concat([head, Buffer.alloc(valueBytes + 1)])); // the last byte: no headers
  const batch = Buffer.concat([batchOf("x").subarray(0, 61), records]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt16BE(1, 21);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

function zigzag(value: number): number[] {
  const bytes = [];
  for (let rest = value * 2; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}
