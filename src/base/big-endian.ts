/**
 * Big-endian integers as Kafka's formats write them. 64-bit values are JavaScript numbers: exact within ±2^53,
 * rounded beyond, so that a caller can still refuse them by range.
 */

const TWO_32 = 0x1_0000_0000;

/** A signed 16-bit integer. */
export function readInt16(bytes: Uint8Array, position: number): number {
  return (((bytes[position]! << 8) | bytes[position + 1]!) << 16) >> 16;
}

/** A signed 32-bit integer. */
export function readInt32(bytes: Uint8Array, position: number): number {
  return (
    (bytes[position]! << 24) |
    (bytes[position + 1]! << 16) |
    (bytes[position + 2]! << 8) |
    bytes[position + 3]!
  );
}

/** An unsigned 32-bit integer. */
export function readUint32(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position) >>> 0;
}

/** A signed 64-bit integer as a number. */
export function readInt64(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position) * TWO_32 + readUint32(bytes, position + 4);
}

/** Writes the low 16 bits. */
export function writeInt16(target: Uint8Array, position: number, value: number): void {
  target[position] = value >> 8;
  target[position + 1] = value;
}

/** Writes the low 32 bits. */
export function writeInt32(target: Uint8Array, position: number, value: number): void {
  target[position] = value >> 24;
  target[position + 1] = value >> 16;
  target[position + 2] = value >> 8;
  target[position + 3] = value;
}

/** Writes a safe integer as a signed 64-bit integer. */
export function writeInt64(target: Uint8Array, position: number, value: number): void {
  writeInt32(target, position, Math.floor(value / TWO_32));
  writeInt32(target, position + 4, value >>> 0);
}
