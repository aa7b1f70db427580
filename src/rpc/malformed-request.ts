import { MillraceError } from "../errors/index.ts";

/**
 * Stands for a request that could not be decoded. grpc-js answers an exception in a decoder with INTERNAL, so the
 * decoders return this instead and the handlers answer INVALID_REQUEST.
 */
export class MalformedRequest {
  readonly error: MillraceError;

  constructor(error: MillraceError) {
    this.error = error;
  }
}

/** The decoder with its failures as values, and frames above `bytesMax` refused before anything is built of them. */
export function refusing<Request>(
  decode: (frame: Buffer) => Request,
  bytesMax: number,
): (frame: Buffer) => Request | MalformedRequest {
  return (frame) => {
    if (frame.length > bytesMax) {
      const text = `the request has ${frame.length} bytes; allowed: ${bytesMax} for this call`;
      const details = { field: "request", value: frame.length, allowed: `at most ${bytesMax} bytes` };
      return new MalformedRequest(new MillraceError("INVALID_REQUEST", text, { details }));
    }
    try {
      return decode(frame);
    } catch (error) {
      return new MalformedRequest(malformed("request", error));
    }
  };
}

/** The error for bytes that are not the protobuf they should be. */
export function malformed(field: string, cause: unknown): MillraceError {
  const fault = cause instanceof Error ? cause.message : String(cause);
  return new MillraceError("INVALID_REQUEST", `the ${field} is not a valid protobuf message: ${fault}`, {
    details: { field, allowed: "a protobuf message as in proto/millrace/v1" },
    cause,
  });
}
