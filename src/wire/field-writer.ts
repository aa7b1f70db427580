/**
 * Writes protobuf fields into one growing buffer (protobuf.dev/programming-guides/encoding). The generated code does
 * the same for whole messages; this serves the few that carry batches, whose bytes must not be copied.
 */
export class FieldWriter {
  #bytes: Buffer;
  #position = 0;

  /** `bytes` is the first guess of the size; it doubles when it does not suffice. */
  constructor(bytes = 256) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#position;
  }

  /** What was written: a view, valid until the next write. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#position);
  }

  /** Forgets what was written and keeps the memory. */
  reset(): void {
    this.#position = 0;
  }

  /** An int32, int64, bool or enum field, zero included: whole, from −2^53 to 2^53. */
  int(field: number, value: number): void {
    this.#reserve(20);
    this.#varint(field << 3);
    if (value < 0) this.#negative(value);
    else this.#varint(value);
  }

  /** As `int`, but leaves out zero, as proto3 does for fields without presence. */
  intUnlessZero(field: number, value: number): void {
    if (value !== 0) this.int(field, value);
  }

  /** A string field; the empty string is left out. */
  string(field: number, text: string): void {
    if (text === "") return;
    const length = Buffer.byteLength(text);
    this.lengthPrefix(field, length);
    this.#reserve(length);
    this.#position += this.#bytes.write(text, this.#position, length, "utf8");
  }

  /** A bytes field or an embedded message, empty ones included. */
  bytes(field: number, bytes: Uint8Array): void {
    this.lengthPrefix(field, bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  /** Tag and length of a bytes field, string or embedded message whose `length` bytes follow. */
  lengthPrefix(field: number, length: number): void {
    this.#reserve(20);
    this.#varint((field << 3) | 2);
    this.#varint(length);
  }

  #varint(value: number): void {
    const bytes = this.#bytes;
    let position = this.#position;
    while (value > 0x7fff_ffff) {
      bytes[position++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    while (value > 127) {
      bytes[position++] = (value & 127) | 128;
      value >>>= 7;
    }
    bytes[position++] = value;
    this.#position = position;
  }

  #negative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value)); // two's complement, always ten bytes
    for (let i = 0; i < 9; i++) {
      this.#bytes[this.#position++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#position++] = Number(rest);
  }

  #reserve(bytes: number): void {
    const needed = this.#position + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }
}

/** Bytes of `value`, 0 or above, as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  while (value > 127) {
    value = Math.floor(value / 128);
    length++;
  }
  return length;
}

/** Bytes of a length-delimited field with `length` bytes of content: tag (fields below 16), length, content. */
export function delimitedLength(length: number): number {
  return 1 + varintLength(length) + length;
}
