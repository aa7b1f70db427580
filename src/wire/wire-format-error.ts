/** Bytes that are not the protobuf message they should be. Turned into INVALID_REQUEST where they arrived. */
export class WireFormatError extends Error {
  override readonly name = "WireFormatError";
}
