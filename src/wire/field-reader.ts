import { WireFormatError } from "./wire-format-error.ts";

/** Wire types of protobuf that may appear in proto3; 3 and 4 are the groups of proto2. */
export const WireType = { VARINT: 0, FIXED64: 1, DELIMITED: 2, FIXED32: 5 } as const;

/**
 * Reads protobuf fields one by one without building objects. Every method throws a WireFormatError on malformed
 * bytes, and none reads beyond the end.
 *
 *     while (reader.next()) if (reader.field === 1) name = reader.string(); else reader.skip();
 */
export class FieldReader {
  /** Number of the field that `next` found. */
  field = 0;
  /** Wire type of that field. */
  wireType = 0;
  readonly #bytes: Buffer;
  #position: number;
  readonly #end: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /** Goes to the next field, whose value must then be read or skipped; false at the end. */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.wireType = tag & 7;
    if (this.field === 0 || tag > 0xffff_ffff) throw new WireFormatError("invalid field number");
    return true;
  }

  /** An unsigned value; above 2^53 it is refused. */
  varint(): number {
    const bytes = this.#bytes;
    let position = this.#position;
    const first = position < this.#end ? bytes[position]! : 0x80;
    if (first < 128) {
      this.#position = position + 1;
      return first;
    }
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 8 && position < this.#end; count++) {
      const byte = bytes[position++]!;
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        this.#position = position;
        return value;
      }
      factor *= 128;
    }
    throw new WireFormatError("invalid or truncated varint");
  }

  /** An int64, negative ones included; refused beyond ±2^53. */
  int64(): number {
    const bytes = this.#bytes;
    const start = this.#position;
    let last = start;
    while (last < this.#end && last < start + 9 && bytes[last]! >= 128) last++;
    if (last < start + 9) return this.varint(); // negative ones always have ten bytes
    let value = 0n;
    for (let at = last; at >= start; at--) value = (value << 7n) | BigInt((bytes[at] ?? 0) & 127);
    const signed = Number(BigInt.asIntN(64, value));
    const whole = last < this.#end && bytes[last]! < 128 && Number.isSafeInteger(signed);
    if (!whole) throw new WireFormatError("invalid or truncated varint");
    this.#position = last + 1;
    return signed;
  }

  /** An int32 or enum: the low 32 bits of the varint, as protobuf prescribes, negative ones included. */
  int32(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#position >= this.#end) break;
      const byte = bytes[this.#position++]!;
      if (shift < 32) value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new WireFormatError("invalid or truncated varint");
  }

  /** The content of a bytes field or embedded message: a view. */
  bytes(): Buffer {
    const length = this.varint();
    const start = this.#position;
    if (length > this.#end - start) throw new WireFormatError("a field is longer than its message");
    this.#position = start + length;
    return this.#bytes.subarray(start, this.#position);
  }

  /** A string, which must be UTF-8. */
  string(): string {
    const length = this.varint();
    const start = this.#position;
    if (length > this.#end - start) throw new WireFormatError("a field is longer than its message");
    this.#position = start + length;
    const text = this.#bytes.toString("utf8", start, this.#position);
    // The replacement character may be in the text itself; only then compare.
    if (text.includes("\ufffd") && !Buffer.from(text).equals(this.#bytes.subarray(start, this.#position))) {
      throw new WireFormatError("a string is not UTF-8");
    }
    return text;
  }

  /** Passes over the value of a field that is not wanted. */
  skip(): void {
    if (this.wireType === WireType.VARINT) this.int32();
    else if (this.wireType === WireType.DELIMITED) this.bytes();
    else if (this.wireType === WireType.FIXED64) this.#advance(8);
    else if (this.wireType === WireType.FIXED32) this.#advance(4);
    else throw new WireFormatError(`unknown wire type ${this.wireType}`);
  }

  #advance(bytes: number): void {
    if (bytes > this.#end - this.#position) throw new WireFormatError("a field is longer than its message");
    this.#position += bytes;
  }
}
