import { crc32c, readUint32, writeInt32 } from "../base/index.ts";
import { ATTRIBUTES_AT, CRC_AT } from "./batch-format.ts";

/** CRC-32C of the batch between `position` and `end` (exclusive), over what it covers: attributes to the end. */
export function computeChecksum(buffer: Buffer, position: number, end: number): number {
  return crc32c(buffer.subarray(position + ATTRIBUTES_AT, end));
}

/** Computes and writes the CRC. */
export function writeChecksum(buffer: Buffer, position: number, end: number): void {
  writeInt32(buffer, position + CRC_AT, computeChecksum(buffer, position, end));
}

/** True if the CRC in the batch is that of its bytes. */
export function isChecksumRight(buffer: Buffer, position: number, end: number): boolean {
  return readUint32(buffer, position + CRC_AT) === computeChecksum(buffer, position, end);
}
