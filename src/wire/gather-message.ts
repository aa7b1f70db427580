/**
 * An encoded message in several pieces, which are written into the transport's frame one after another without being
 * joined first: the one copy is the one into the frame.
 *
 * grpc-js asks of a serialized message only `length`, `byteLength` and `copy(target, offset)`, with no compression
 * (server-interceptors.js `serializeMessage`, client compression-filter.js `writeMessage`); a test pins that.
 */
export class GatherMessage {
  /** Bytes of all pieces. */
  readonly byteLength: number;
  readonly #pieces: readonly Uint8Array[];

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
    let byteLength = 0;
    for (const piece of pieces) byteLength += piece.byteLength;
    this.byteLength = byteLength;
  }

  get length(): number {
    return this.byteLength;
  }

  /** Writes the message into `target` from `offset` on and returns its length, as Buffer's `copy` does. */
  copy(target: Uint8Array, offset = 0): number {
    for (const piece of this.#pieces) {
      target.set(piece, offset);
      offset += piece.byteLength;
    }
    return this.byteLength;
  }

  /** The message in one piece, copied. */
  toBuffer(): Buffer {
    const joined = Buffer.allocUnsafe(this.byteLength);
    this.copy(joined);
    return joined;
  }

  /** Itself, under the type that grpc-js declares for serialized messages. */
  asSerialized(): Buffer {
    return this as unknown as Buffer;
  }
}
