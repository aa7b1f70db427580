import { type Code, type Effect, REASONS, type Reason, type Retry } from "./registry.ts";

/** What else an error may carry. */
export interface ErrorContext {
  /** Values for programs, by lowercase names such as `topic`, `offset`, `allowed`. */
  readonly details?: Readonly<Record<string, string | number>>;
  /** What caused it; for the log of this process, never sent. */
  readonly cause?: unknown;
  /** Overrides the effect of the reason, where the place of failure knows better. */
  readonly effect?: Effect;
}

/**
 * The one error of Millrace, on both sides of the wire. `reason` is stable and for programs; the message is for
 * people and says what was wrong, the value, what is allowed and what mends it.
 */
export class MillraceError extends Error {
  override readonly name = "MillraceError";
  readonly reason: Reason;
  readonly details: Readonly<Record<string, string>>;
  /** Whether the call may have changed something. */
  readonly effect: Effect;

  constructor(reason: Reason, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.reason = reason;
    const details = Object.entries(context.details ?? {});
    this.details = Object.fromEntries(details.map(([name, value]) => [name, String(value)]));
    this.effect = context.effect ?? REASONS[reason].effect;
  }

  /** The gRPC code of the reason. */
  get code(): Code {
    return REASONS[this.reason].code;
  }

  /** Whether trying again helps. */
  get retry(): Retry {
    return REASONS[this.reason].retry;
  }

  /** Milliseconds to wait before the next try; undefined where the reason names none. */
  get retryDelayMs(): number | undefined {
    const entry: { retryDelayMs?: number } = REASONS[this.reason];
    return entry.retryDelayMs;
  }

  /** Any thrown value as a MillraceError: itself, or INTERNAL with the value as its cause. */
  static from(thrown: unknown): MillraceError {
    if (thrown instanceof MillraceError) return thrown;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new MillraceError("INTERNAL", `unexpected failure: ${text}`, { cause: thrown });
  }
}
