/**
 * Event-sourced streams, as plain TypeScript. A stream is all records with one key in a topic with
 * `stream.index=true`. The words and limits are those of proto/millrace/v1/stream_service.proto.
 */
import type { Durability } from "../log/index.ts";
import type { RecordHeader } from "../record/index.ts";

/** What a stream must be like for an append: anything, without events, with some, or its last revision exactly. */
export type ExpectedRevision = "any" | "none" | "exists" | number;

/** An event to append. */
export interface NewEvent {
  /** Kind; undefined for none. */
  readonly type: string | undefined;
  readonly value: Uint8Array | null;
  /** Without names that begin with "millrace.". */
  readonly headers: readonly RecordHeader[];
  /** Milliseconds since the Unix epoch; undefined for the broker's clock. */
  readonly timestampMs: number | undefined;
}

/** Events to append to one stream, all or none. */
export interface AppendEventsCommand {
  readonly topic: string;
  /** Key of the stream, 1 to 1,024 bytes. */
  readonly stream: Uint8Array;
  readonly expected: ExpectedRevision;
  /** 1 to 1,000. */
  readonly events: readonly NewEvent[];
  /** Names this append among those to the stream. */
  readonly idempotencyKey: string | undefined;
  /** Makes the one event a snapshot of the stream after this revision. */
  readonly snapshotRevision: number | undefined;
  /** How many of the events missed to return with a conflict; 0 throws WRONG_REVISION instead. */
  readonly missedMax: number;
  /** Undefined for the topic's `flush.mode`. */
  readonly durability: Durability | undefined;
}

/** Where the events are. */
export interface AppendedEvents {
  readonly outcome: "appended";
  readonly partition: number;
  readonly baseOffset: number;
  readonly firstRevision: number;
  readonly lastRevision: number;
  readonly durability: Durability;
  /** An earlier append with the same idempotency key had written them. */
  readonly duplicate: boolean;
}

/** The stream was not as expected; nothing was written. */
export interface RevisionConflict {
  readonly outcome: "conflict";
  /** Undefined if it has no events. */
  readonly actualRevision: number | undefined;
  readonly missed: readonly StreamEvent[];
}

/** An event as stored. */
export interface StreamEvent {
  readonly stream: Buffer | null;
  /**
   * Number in its stream from 0; of a snapshot, the revision of the last event that it includes. Undefined for records
   * without a key of 1 to 1,024 bytes, which belong to no stream.
   */
  readonly revision: number | undefined;
  readonly isSnapshot: boolean;
  /** Empty if it has none. */
  readonly type: string;
  readonly value: Buffer | null;
  /** Those of the program. */
  readonly headers: readonly RecordHeader[];
  readonly timestampMs: number;
  readonly partition: number;
  readonly offset: number;
}

/** What is known of a stream. */
export interface StreamInfo {
  readonly exists: boolean;
  /** First revision that is kept. */
  readonly firstRevision: number;
  /** Undefined if it has no events. */
  readonly lastRevision: number | undefined;
  /** Of the latest snapshot kept. */
  readonly snapshotRevision: number | undefined;
}

/** Which events of a stream to read; see ReadStreamRequest. */
export interface ReadStreamQuery {
  readonly topic: string;
  readonly stream: Uint8Array;
  readonly direction: "forwards" | "backwards";
  readonly fromRevision: number | undefined;
  readonly maxEvents: number | undefined;
  readonly fromSnapshot: boolean;
}

/** A stream that is being read. */
export interface StreamReading {
  /** As it was when the read began. */
  readonly info: StreamInfo;
  /** The next events, at most 1 MiB of them but at least one; undefined at the end. One call at a time. */
  next(): Promise<readonly StreamEvent[] | undefined>;
}

/** What was read of a partition, to be seen as events. */
export interface RecordsToDescribe {
  readonly topic: string;
  readonly partition: number;
  /** Whole batches in order, from the one on that holds `fromOffset`. */
  readonly batches: readonly Buffer[];
  readonly fromOffset: number;
  /** Bytes of events, about. */
  readonly bytesMax: number;
}

/** Records as events. */
export interface DescribedRecords {
  /** Offset that follows the last of the events. */
  readonly nextOffset: number;
  /** All of them, those without key too. Rejects with COORDINATOR_LOADING if the index does not have them in time. */
  readonly events: Promise<readonly StreamEvent[]>;
}

/**
 * Event-sourced streams. All calls throw TOPIC_NOT_FOUND, INVALID_REQUEST for a topic without stream index, and the
 * failures of its partition's log.
 */
export interface StreamsApi {
  /** Throws WRONG_REVISION, unless the conflict is to be returned; BATCH_TOO_LARGE. */
  append(command: AppendEventsCommand): Promise<AppendedEvents | RevisionConflict>;
  /**
   * Reads from the index: costs the events of the stream, whatever else is in the topic. Throws OFFSET_OUT_OF_RANGE for
   * a `fromRevision` below the first one kept.
   */
  read(query: ReadStreamQuery): Promise<StreamReading>;
  /**
   * Decodes records of an indexed topic as events with their revisions: those of the batches from an offset on, as many
   * as fit `bytesMax`, at least one. The batches must stay as they are during the call, no longer.
   */
  describeRecords(records: RecordsToDescribe): DescribedRecords;
}
