/** Turns what grpc-js says of a failed call into an error that tells where it happened and what may mend it. */
import { type ServiceError, status } from "@grpc/grpc-js";
import { MillraceError } from "../../errors/index.ts";
import { statusToError } from "../../wire/index.ts";

/** How the client came to know an endpoint, for the hint in the text. */
export type EndpointOrigin = "given" | "advertised";

/** The failure of a call to `endpoint`. */
export function callError(failure: ServiceError, endpoint: string, origin: EndpointOrigin): MillraceError {
  const error = statusToError(failure);
  if (error.cause !== failure) return error;
  if (!isTransportBroken(failure)) return withEndpoint(error, endpoint);
  const neverLeft = /no connection established|name resolution failed|failed to connect/i.test(error.message);
  return neverLeft ? unreachable(failure, endpoint, origin) : disconnected(failure, endpoint);
}

/** A failure that no broker of ours explained, with where it happened. */
function withEndpoint(error: MillraceError, endpoint: string): MillraceError {
  const hint = error.reason === "UNIMPLEMENTED" ? "; is that a Millrace broker?" : "";
  return new MillraceError(error.reason, `${endpoint}: ${error.message}${hint}`, {
    details: { endpoint },
    cause: error.cause,
    effect: error.effect,
  });
}

/**
 * Whether a status without ErrorInfo only means that the transport broke. A server that is killed or shut down by force
 * shows as UNAVAILABLE, CANCELLED, or INTERNAL and UNKNOWN with a word about the HTTP/2 stream.
 */
function isTransportBroken({ code, details }: ServiceError): boolean {
  if (code === status.UNAVAILABLE || code === status.CANCELLED) return true;
  return (
    (code === status.INTERNAL || code === status.UNKNOWN) && /stream|http2|socket|session/i.test(details)
  );
}

/** A stream that the broker ended although answers were outstanding. */
export function streamEnded(endpoint: string): MillraceError {
  return new MillraceError("DISCONNECTED", `the broker at ${endpoint} ended the stream`, {
    details: { endpoint },
  });
}

function unreachable(failure: ServiceError, endpoint: string, origin: EndpointOrigin): MillraceError {
  const cause = /(E[A-Z]{3,}|timeout)/.exec(failure.details)?.[1] ?? failure.details;
  const hint =
    origin === "given"
      ? "is a broker running there (`millrace start`)?"
      : "the cluster advertises this endpoint for the leader: if brokers bear another name from here, let the broker advertise that one";
  return new MillraceError("DISCONNECTED", `no broker could be reached at ${endpoint} (${cause}); ${hint}`, {
    details: { endpoint },
    cause: failure,
    effect: "none",
  });
}

function disconnected(failure: ServiceError, endpoint: string): MillraceError {
  const text = `the connection to the broker at ${endpoint} broke: ${failure.details}`;
  return new MillraceError("DISCONNECTED", text, { details: { endpoint }, cause: failure });
}
