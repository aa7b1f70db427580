/**
 * Errors on the wire, after the richer error model of gRPC (google/rpc/status.proto, AIP-193): a status code and a
 * text for people, and behind them a google.rpc.Status with an ErrorInfo (reason, domain, details) and, where trying
 * again later helps, a RetryInfo. In a call's status it travels in the trailer `grpc-status-details-bin`, in streams
 * and multi-part answers as a field.
 */
import { Metadata } from "@grpc/grpc-js";
import { Code, type Effect, isReason, MillraceError, REASONS, type Reason } from "../errors/index.ts";
import { google } from "../gen/millrace.js";

/** Domain of our reasons in google.rpc.ErrorInfo. */
export const ERROR_DOMAIN = "millrace";
const DETAILS_TRAILER = "grpc-status-details-bin";
const ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo";
const RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo";
/** A detail that says the effect where it is not the one of the reason. */
const EFFECT_DETAIL = "effect";
/** Trailers share 8 KiB with everything else in many clients: texts are cut so that a status stays well below. */
const TEXT_BYTES_MAX = 600;
const DETAIL_BYTES_MAX = 300;
const DETAILS_BYTES_MAX = 1_500;

/** What grpc-js takes as the end of a call. */
export interface CallStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What grpc-js gives as the failure of a call. */
export interface CallFailure {
  readonly code?: number | undefined;
  readonly details?: string | undefined;
  readonly message?: string | undefined;
  readonly metadata?: Metadata | undefined;
}

/** The error as the status of a call. */
export function errorToStatus(error: MillraceError): CallStatus {
  const metadata = new Metadata();
  metadata.set(DETAILS_TRAILER, encodeStatus(error));
  return { code: error.code, details: cut(error.message, TEXT_BYTES_MAX), metadata };
}

/**
 * The failure of a call as an error. Without our ErrorInfo somebody between the caller and the broker failed it: the
 * reason is the nearest to the code, and the effect unknown.
 */
export function statusToError(failure: CallFailure): MillraceError {
  const encoded = failure.metadata?.get(DETAILS_TRAILER)[0];
  const text = failure.details || failure.message || "the call failed without a reason";
  if (encoded instanceof Buffer) {
    try {
      return messageToError(google.rpc.Status.decode(encoded));
    } catch {
      // Damaged details of a foreign server: code and text still say what happened.
    }
  }
  return new MillraceError(reasonOfCode(failure.code), text, { cause: failure, effect: "unknown" });
}

/** The error as a google.rpc.Status, for fields of answers. */
export function errorToMessage(error: MillraceError): google.rpc.Status.$Properties {
  const details = [{ type_url: ERROR_INFO, value: encodeErrorInfo(error) }];
  const delayMs = error.retryDelayMs;
  if (delayMs !== undefined) {
    const retryDelay = { seconds: Math.floor(delayMs / 1_000), nanos: (delayMs % 1_000) * 1_000_000 };
    details.push({ type_url: RETRY_INFO, value: google.rpc.RetryInfo.encode({ retryDelay }).finish() });
  }
  return { code: error.code, message: cut(error.message, TEXT_BYTES_MAX), details };
}

/** A google.rpc.Status out of an answer as an error. */
export function messageToError(status: google.rpc.Status.$Properties): MillraceError {
  const text = status.message || "the call failed without a reason";
  const packed = status.details?.find((detail) => detail.type_url === ERROR_INFO)?.value;
  const info = packed ? google.rpc.ErrorInfo.decode(packed) : undefined;
  if (info?.domain !== ERROR_DOMAIN || !isReason(info.reason)) {
    return new MillraceError(reasonOfCode(status.code ?? undefined), text, { effect: "unknown" });
  }
  const { [EFFECT_DETAIL]: effect, ...details } = info.metadata;
  return new MillraceError(info.reason, text, { details, ...(isEffect(effect) ? { effect } : {}) });
}

/** The error as the bytes of a google.rpc.Status. */
export function encodeStatus(error: MillraceError): Buffer {
  return Buffer.from(google.rpc.Status.encode(errorToMessage(error)).finish());
}

function encodeErrorInfo(error: MillraceError): Uint8Array {
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(error.details)) {
    metadata[name] = cut(value, Math.min(DETAIL_BYTES_MAX, DETAILS_BYTES_MAX - bytes));
    bytes += Buffer.byteLength(metadata[name]);
  }
  if (error.effect !== REASONS[error.reason].effect) metadata[EFFECT_DETAIL] = error.effect;
  return google.rpc.ErrorInfo.encode({ reason: error.reason, domain: ERROR_DOMAIN, metadata }).finish();
}

/**
 * At most `bytesMax` bytes of UTF-8, and well-formed: grpc-js throws on a lone surrogate in a status text, which a
 * text cut elsewhere may hold.
 */
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return bytes.toString();
  let end = Math.max(0, bytesMax - 3);
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.toString("utf8", 0, end)}…`;
}

function isEffect(text: string | undefined): text is Effect {
  return text === "none" || text === "unknown";
}

/** For statuses that others made: the transport, a proxy, grpc-js itself. */
const REASON_OF_CODE: Readonly<Record<number, Reason>> = {
  [Code.CANCELLED]: "CANCELLED",
  [Code.INVALID_ARGUMENT]: "INVALID_REQUEST",
  [Code.DEADLINE_EXCEEDED]: "DEADLINE_EXCEEDED",
  [Code.RESOURCE_EXHAUSTED]: "OVERLOADED",
  [Code.UNIMPLEMENTED]: "UNIMPLEMENTED",
  [Code.UNAVAILABLE]: "DISCONNECTED",
};

function reasonOfCode(code: number | undefined): Reason {
  return REASON_OF_CODE[code ?? Code.INTERNAL] ?? "INTERNAL";
}
