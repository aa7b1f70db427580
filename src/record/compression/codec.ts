import { MillraceError } from "../../errors/index.ts";
import { invalidBatch } from "../batch-fault.ts";
import { CODEC_MASK, COMPRESSIONS, type Compression } from "../batch-format.ts";

/** One way to compress the records of a batch, as Kafka's clients frame it. */
export interface Codec {
  /** Compresses whole; the result shares no memory with the input. */
  compress(bytes: Buffer): Buffer;
  /**
   * Decompresses whole. Never holds more than about twice `bytesMax`: throws BATCH_TOO_LARGE as soon as the output
   * would pass it, and INVALID_BATCH if the bytes are damaged, cut off or followed by others.
   */
  decompress(bytes: Buffer, bytesMax: number): Buffer;
}

/** The refusal of what unfolds too far. */
export function unfoldsTooFar(compression: Compression, bytesMax: number): MillraceError {
  const text = `the ${compression} records of the batch unfold to more than ${bytesMax} bytes, the most allowed`;
  return new MillraceError("BATCH_TOO_LARGE", `${text}: send smaller batches`, {
    details: { field: "records", compression, allowed: bytesMax },
  });
}

/** The refusal of bytes that the codec cannot read. */
export function damaged(compression: Compression, problem: string, cause?: unknown): MillraceError {
  return invalidBatch(`not readable as ${compression}: ${problem}`, { field: "records" }, cause);
}

/** The refusal of a codec number that nothing is known for. */
export function unknownCodec(attributes: number): MillraceError {
  const number = attributes & CODEC_MASK;
  const known = COMPRESSIONS.map((name, index) => `${index} ${name}`).join(", ");
  return new MillraceError("UNSUPPORTED_COMPRESSION", `codec ${number} is not known; known are ${known}`, {
    details: { field: "attributes", codec: number },
  });
}
