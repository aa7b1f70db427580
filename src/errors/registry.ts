/**
 * The one table of reasons: what each is to gRPC, whether trying again helps, and whether the call may have had an
 * effect. `proto/millrace/v1/errors.proto` repeats it for other languages; a test holds the two together.
 */

/** gRPC status codes by number (grpc/doc/statuscodes.md). */
export const Code = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/**
 * never: it will fail again. same: the same call may succeed later. refresh: after new metadata. rejoin: after joining
 * the consumer group anew.
 */
export type Retry = "never" | "same" | "refresh" | "rejoin";
/** none: the call certainly changed nothing. unknown: it may have. */
export type Effect = "none" | "unknown";

interface Entry {
  readonly code: Code;
  readonly retry: Retry;
  readonly effect: Effect;
  /** Milliseconds a client should wait before the next try, where it may. */
  readonly retryDelayMs?: number;
}

const entry = (code: Code, retry: Retry, effect: Effect, retryDelayMs?: number): Entry => ({
  code,
  retry,
  effect,
  ...(retryDelayMs === undefined ? {} : { retryDelayMs }),
});

/** All reasons, in the order of their numbers in errors.proto. */
export const REASONS = {
  INVALID_REQUEST: entry(Code.INVALID_ARGUMENT, "never", "none"),
  INVALID_CONFIG: entry(Code.INVALID_ARGUMENT, "never", "none"),
  INVALID_BATCH: entry(Code.INVALID_ARGUMENT, "never", "none"),
  BATCH_TOO_LARGE: entry(Code.INVALID_ARGUMENT, "never", "none"),
  CHECKSUM_MISMATCH: entry(Code.INVALID_ARGUMENT, "never", "none"),
  UNSUPPORTED_COMPRESSION: entry(Code.INVALID_ARGUMENT, "never", "none"),
  TOPIC_NOT_FOUND: entry(Code.NOT_FOUND, "refresh", "none"),
  PARTITION_NOT_FOUND: entry(Code.NOT_FOUND, "refresh", "none"),
  TOPIC_ALREADY_EXISTS: entry(Code.ALREADY_EXISTS, "never", "none"),
  OFFSET_OUT_OF_RANGE: entry(Code.OUT_OF_RANGE, "never", "none"),
  NOT_LEADER: entry(Code.FAILED_PRECONDITION, "refresh", "none"),
  PRODUCER_FENCED: entry(Code.FAILED_PRECONDITION, "never", "none"),
  OUT_OF_ORDER_SEQUENCE: entry(Code.FAILED_PRECONDITION, "never", "none"),
  SHUTTING_DOWN: entry(Code.UNAVAILABLE, "same", "none", 500),
  OVERLOADED: entry(Code.RESOURCE_EXHAUSTED, "same", "none", 200),
  STORAGE_FULL: entry(Code.RESOURCE_EXHAUSTED, "same", "none", 1_000),
  STORAGE_OFFLINE: entry(Code.FAILED_PRECONDITION, "refresh", "unknown"),
  LOG_CORRUPT: entry(Code.DATA_LOSS, "never", "none"),
  DEADLINE_EXCEEDED: entry(Code.DEADLINE_EXCEEDED, "same", "unknown"),
  DISCONNECTED: entry(Code.UNAVAILABLE, "same", "unknown", 100),
  CANCELLED: entry(Code.CANCELLED, "never", "unknown"),
  UNIMPLEMENTED: entry(Code.UNIMPLEMENTED, "never", "none"),
  INTERNAL: entry(Code.INTERNAL, "never", "unknown"),
  WRONG_REVISION: entry(Code.FAILED_PRECONDITION, "never", "none"),
  GROUP_NOT_FOUND: entry(Code.NOT_FOUND, "never", "none"),
  GROUP_NOT_EMPTY: entry(Code.FAILED_PRECONDITION, "never", "none"),
  GROUP_FULL: entry(Code.RESOURCE_EXHAUSTED, "same", "none", 1_000),
  UNKNOWN_MEMBER: entry(Code.FAILED_PRECONDITION, "rejoin", "none"),
  STALE_MEMBER_EPOCH: entry(Code.FAILED_PRECONDITION, "rejoin", "none"),
  MEMBER_FENCED: entry(Code.FAILED_PRECONDITION, "never", "none"),
  COORDINATOR_LOADING: entry(Code.UNAVAILABLE, "same", "none", 200),
} as const satisfies Record<string, Entry>;

/** A stable name for why a call failed. */
export type Reason = keyof typeof REASONS;

/** True if the text is one of our reasons. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}
