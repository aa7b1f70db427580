/**
 * Zigzag variable-length integers as Protocol Buffers' sint32/sint64 and Kafka's records write them: seven bits a
 * byte, lowest first, the high bit set on all but the last; the sign folded into bit 0 (0, −1, 1, −2 → 0, 1, 2, 3).
 *
 * Padded forms such as 80 00 are read, as Kafka reads them; what does not fit 32 bits (or for varlongs ±2^53) is
 * refused.
 */

const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;

/** Bytes that `writeVarint` needs; the value is a 32-bit signed integer. */
export function sizeOfVarint(value: number): number {
  const folded = ((value << 1) ^ (value >> 31)) >>> 0;
  if (folded < 0x80) return 1;
  if (folded < 0x4000) return 2;
  if (folded < 0x20_0000) return 3;
  return folded < 0x1000_0000 ? 4 : 5;
}

/** Bytes that `writeVarlong` needs; the value is a safe integer. */
export function sizeOfVarlong(value: number): number {
  if (value === value >> 0) return sizeOfVarint(value);
  let size = 1;
  for (let rest = Math.floor(magnitude(value) / 64); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes a 32-bit signed integer and returns the position after it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let rest = (value << 1) ^ (value >> 31);
  while ((rest & ~0x7f) !== 0) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

/** Writes a safe integer and returns the position after it. */
export function writeVarlong(target: Uint8Array, position: number, value: number): number {
  if (value === value >> 0) return writeVarint(target, position, value);
  const whole = magnitude(value);
  let rest = Math.floor(whole / 64);
  target[position++] = ((whole % 64) << 1) | (value < 0 ? 1 : 0) | (rest > 0 ? 0x80 : 0);
  while (rest > 0) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    target[position++] = rest > 0 ? low | 0x80 : low;
  }
  return position;
}

/** The value without its sign bit: doubling it would lose digits above 2^52. */
function magnitude(value: number): number {
  return value < 0 ? -value - 1 : value;
}

/**
 * Reads varints one after another from `position`; reusable, allocates nothing. Only varints of three bytes and
 * more are checked against `end`: a reader of frames compares `position` with the frame's end anyway.
 */
export abstract class VarintReader {
  bytes: Uint8Array = new Uint8Array(0);
  /** Next byte to read; readers move it over what is not a varint. */
  position = 0;
  /** Exclusive. */
  end = 0;

  /** Throws the reader's error about the varint that starts at `position`. */
  protected abstract refuse(problem: string, position: number): never;

  /** A 32-bit signed integer. */
  readVarint(): number {
    const position = this.position;
    const first = this.bytes[position]!;
    if (first < 0x80) {
      this.position = position + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const second = this.bytes[position + 1]!;
    if (second < 0x80) {
      this.position = position + 2;
      return (((first & 0x7f) | (second << 7)) >>> 1) ^ -(first & 1);
    }
    return this.readWideVarint();
  }

  /** A 64-bit signed integer within the safe range. */
  readVarlong(): number {
    const position = this.position;
    const first = this.bytes[position]!;
    if (first < 0x80) {
      this.position = position + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const second = this.bytes[position + 1]!;
    if (second < 0x80) {
      this.position = position + 2;
      return (((first & 0x7f) | (second << 7)) >>> 1) ^ -(first & 1);
    }
    return this.readWideVarlong();
  }

  private readWideVarint(): number {
    let folded = 0;
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = this.byteAt(index);
      if (index === VARINT_BYTES_MAX - 1 && byte > 0x0f) break;
      folded |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) {
        this.position += index + 1;
        return (folded >>> 1) ^ -(folded & 1);
      }
    }
    return this.refuse("a varint of more than 32 bits", this.position);
  }

  private readWideVarlong(): number {
    const first = this.byteAt(0);
    let whole = (first & 0x7f) >>> 1;
    let scale = 64;
    for (let index = 1; index < VARLONG_BYTES_MAX; index++, scale *= 128) {
      const byte = this.byteAt(index);
      whole += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (whole > Number.MAX_SAFE_INTEGER) break;
        this.position += index + 1;
        return first & 1 ? -whole - 1 : whole;
      }
    }
    return this.refuse("a varlong beyond 2^53", this.position);
  }

  private byteAt(index: number): number {
    const position = this.position + index;
    if (position >= this.end) return this.refuse("a varint cut off by the end", this.position);
    return this.bytes[position]!;
  }
}
