/** Event sourcing: streams of one key's events, numbered by revisions, with appends that expect a revision. */
import type { RecordHeader } from "../../record/index.ts";
import type { StartPosition, TopicPartition } from "./places.ts";
import type { Durability } from "./producer.ts";

/** What a stream must be like for an append: anything, without events, with some, or its last revision exactly. */
export type ExpectedRevision = "any" | "none" | "exists" | number;

/** An event to append. Bytes must stay as they are until the append has settled. */
export interface NewEvent {
  /** Kind of the event, at most 255 bytes of UTF-8. Default: none. */
  readonly type?: string;
  /** Strings are encoded as UTF-8. Absent or null: a null value. */
  readonly value?: Uint8Array | string | null;
  /** In order; names that begin with "millrace." are refused. */
  readonly headers?: readonly RecordHeader[];
  /** Milliseconds since the Unix epoch. Default: the broker's clock. */
  readonly timestampMs?: number;
}

/** How to append. */
export interface AppendOptions {
  /**
   * Default "any". The `lastRevision` of a stream without events is undefined, and so is a conflict's `actualRevision`:
   * given as such it is a TypeError, so write `expected: lastRevision ?? "none"`.
   */
  readonly expected?: ExpectedRevision;
  /**
   * Names this append among those to its stream, 1 to 255 bytes: appended again with the same key, the first result
   * comes back, also after a restart of the program. Default: a random one, so that the client's own retries write
   * once.
   */
  readonly idempotencyKey?: string;
  /** Default: the topic's `flush.mode`. */
  readonly durability?: Durability;
}

/** How to append where a conflict is expected. */
export interface TryAppendOptions extends AppendOptions {
  /** Most events missed to get with a conflict, 1 to 1,000. Default 100. */
  readonly missedMax?: number;
}

/** Where appended events are. */
export interface AppendedEvents {
  readonly outcome: "appended";
  readonly partition: number;
  /** Offset of the first event. */
  readonly baseOffset: number;
  readonly firstRevision: number;
  readonly lastRevision: number;
  /** Durability that was reached when the broker answered. */
  readonly durability: Durability;
  /** An earlier append with the same idempotency key had written them. */
  readonly duplicate: boolean;
}

/** The stream was not as expected, and nothing was written. */
export interface RevisionConflict {
  readonly outcome: "conflict";
  /** Revision of the stream's last event; undefined if it has none. */
  readonly actualRevision: number | undefined;
  /** The events after the revision expected, in order: at most `missedMax`, and 1 MiB. */
  readonly missed: readonly StreamEvent[];
}

/** An event as stored. Key, value and header values are views of the received bytes: copy what is kept for long. */
export interface StreamEvent extends TopicPartition {
  /** Key of its stream; null for a record without key. */
  readonly stream: Buffer | null;
  /**
   * Its number in the stream, from 0; of a snapshot, the revision of the last event that it includes. In `all`
   * undefined for records that a producer wrote instead of an append: only the broker's index knows their numbers.
   */
  readonly revision: number | undefined;
  readonly isSnapshot: boolean;
  /** Empty if it has none. */
  readonly type: string;
  readonly value: Buffer | null;
  /** Those of the program. */
  readonly headers: readonly RecordHeader[];
  readonly timestampMs: number;
  readonly offset: number;
}

/** Which events of a stream to read. */
export interface ReadStreamOptions {
  /** Default "forwards". */
  readonly direction?: "forwards" | "backwards";
  /**
   * First revision wanted, inclusive. Default: the first kept (forwards) or the last (backwards). OFFSET_OUT_OF_RANGE
   * if retention has dropped it, or drops one while it is read: no event is passed over.
   */
  readonly fromRevision?: number;
  /** Most events. Default: all. */
  readonly maxEvents?: number;
  /** Begins with the latest snapshot, if there is one. Forwards only, without `fromRevision`. Default false. */
  readonly fromSnapshot?: boolean;
}

/** What is known of a stream. */
export interface StreamInfo {
  /** Whether it ever had events. */
  readonly exists: boolean;
  /** First revision that is kept: above 0 once retention has dropped older events. */
  readonly firstRevision: number;
  /** Undefined if it has no events. */
  readonly lastRevision: number | undefined;
  /** Of the latest snapshot kept. */
  readonly snapshotRevision: number | undefined;
}

/** Which events of all streams to read. */
export interface AllEventsOptions {
  /** Default "start". */
  readonly from?: StartPosition;
  /** True ends with the events that were there at the beginning. Default false: go on with those to come. */
  readonly stopAtEnd?: boolean;
  /**
   * Called each time that everything there is has been handed out, in all partitions: once, and again once after
   * further events. With `stopAtEnd` the iteration may end before.
   */
  readonly onCaughtUp?: () => void;
  /** Ends the iteration when it is aborted, also while it waits for events, without an error. */
  readonly signal?: AbortSignal;
}

/**
 * The streams of one topic, which has `stream.index=true`. A stream is all records with one key; strings are encoded as
 * UTF-8. Calls are tried again within the client's `timeoutMs`, which cannot write twice: every append has an idempotency
 * key. All throw TOPIC_NOT_FOUND, INVALID_REQUEST for a topic without index, and a TypeError for options outside their
 * ranges and unknown ones. A stream that never had events is no failure: it reads as empty.
 */
export interface Streams {
  /**
   * Appends 1 to 1,000 events to a stream, all or none. Throws WRONG_REVISION, with `expected` and `actual` in its
   * details, if the stream is not as expected; BATCH_TOO_LARGE.
   */
  append(
    stream: Uint8Array | string,
    events: readonly NewEvent[],
    options?: AppendOptions,
  ): Promise<AppendedEvents>;
  /** Appends like `append`, but returns a conflict with the events missed: for programs that decide again. */
  tryAppend(
    stream: Uint8Array | string,
    events: readonly NewEvent[],
    options?: TryAppendOptions,
  ): Promise<AppendedEvents | RevisionConflict>;
  /**
   * Stores the state of a stream after the event of a revision, for `fromSnapshot`. It has no revision of its own and
   * does not count as an event. Throws INVALID_REQUEST for a revision above the last.
   */
  snapshot(
    stream: Uint8Array | string,
    snapshot: NewEvent & { readonly revision: number },
    options?: Pick<AppendOptions, "durability" | "idempotencyKey">,
  ): Promise<AppendedEvents>;
  /**
   * Reads the events that a stream has when the iteration begins; each iteration reads anew. Costs what it reads,
   * however much else is in the topic. Goes on where it was when the connection breaks; leaving it ends the call.
   */
  read(stream: Uint8Array | string, options?: ReadStreamOptions): AsyncIterable<StreamEvent>;
  /** What is known of a stream, without its events. */
  info(stream: Uint8Array | string): Promise<StreamInfo>;
  /**
   * Reads the events of all streams in the order of each partition; each iteration reads anew. Reconnects; nothing is
   * skipped or repeated. Ends when it is left, aborted, or when the client is closed.
   */
  all(options?: AllEventsOptions): AsyncIterable<StreamEvent>;
}
