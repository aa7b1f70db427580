import { BatchBuilder } from "../../src/record/index.ts";

/** The records that benches make. Key and value together have the size that is named. */
export const RECORD_SIZES = [
  { label: "100 B", bytes: 100 },
  { label: "1 KiB", bytes: 1_024 },
] as const;

/** Bytes of a key, where records have one. */
export const KEY_BYTES = 10;

/** MB here are 10^6 bytes, as disks and networks are sold. */
export const MB = 1e6;

/** Bytes of batch for each byte of payload, in a batch of the SDK's default size: what the frames of records add. */
export function framing(recordBytes: number): number {
  const builder = new BatchBuilder({ bytesMax: 262_144 });
  const value = Buffer.alloc(recordBytes, "v");
  while (builder.append(null, value, 0));
  return builder.sizeInBytes / (builder.recordCount * recordBytes);
}
