import type { Clock } from "../../base/index.ts";
import type { PartitionIndex } from "../partition/partition-index.ts";
import { StreamCondition } from "../partition/stream-condition.ts";
import { StreamReader } from "../read/stream-reader.ts";
import type { Slots } from "../partition/slots.ts";
import { isExpected, streamBusy, wrongRevision } from "../stream-errors.ts";
import { encodeEventBatch, sizeOfEvent } from "../event-codec.ts";
import type { StreamHead } from "../stream-head.ts";
import type { AppendedEvents, AppendEventsCommand, RevisionConflict, StreamEvent } from "../types.ts";
import { OnceAppends } from "./once-appends.ts";

/** Tries of one append whose stream moves on meanwhile. */
const TRIES_MAX = 20;
/** Bytes of events told with a conflict. */
const MISSED_BYTES_MAX = 1_048_576;

/** What an append comes to; lost: the index has begun anew, and the head with it. */
type Outcome = AppendedEvents | RevisionConflict | "lost";

/** What appending stands on. */
export interface StreamAppenderOptions {
  readonly clock: Clock;
  /** Shared with all readers. */
  readonly slots: Slots;
}

/** Appends events to streams, each append all or none, if the stream is as expected at that moment. */
export class StreamAppender {
  readonly #options: StreamAppenderOptions;
  readonly #once = new OnceAppends();

  constructor(options: StreamAppenderOptions) {
    this.#options = options;
  }

  /** See StreamsApi.append; the command is checked. */
  async append(
    index: PartitionIndex,
    command: AppendEventsCommand,
  ): Promise<AppendedEvents | RevisionConflict> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const head = await index.pin(command.stream);
      try {
        const outcome = await this.#once.run(index, head, command, () => this.#append(index, head, command));
        if (outcome !== "lost") return outcome;
      } finally {
        index.heads.unpin(head);
      }
    }
    throw streamBusy(TRIES_MAX);
  }

  async #append(index: PartitionIndex, head: StreamHead, command: AppendEventsCommand): Promise<Outcome> {
    const { expected } = command;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (!index.heads.has(head)) return "lost";
      const { nextRevision, queued } = head;
      if (isExpected(expected, nextRevision) || isExpected(expected, nextRevision + queued)) {
        const outcome = await this.#try(index, head, command);
        if (outcome !== "refused") return outcome;
        continue;
      }
      // Nobody is told of events that a power loss might take back.
      await index.whenReadable(endOfTail(head));
      if (head.nextRevision === nextRevision && index.heads.has(head)) {
        return this.#conflict(index, nextRevision, command);
      }
    }
    throw streamBusy(TRIES_MAX);
  }

  async #try(
    index: PartitionIndex,
    head: StreamHead,
    command: AppendEventsCommand,
  ): Promise<AppendedEvents | "refused"> {
    const { events, expected, idempotencyKey, snapshotRevision, durability } = command;
    const firstRevision = presumedRevision(head, command);
    const nowMs = this.#options.clock.nowMs();
    const batch = encodeEventBatch({ ...command, firstRevision, nowMs, stream: head.key });
    const count = events.length;
    const parts = { head, expected, firstRevision, count, snapshotRevision, idempotencyKey };
    const condition = new StreamCondition(parts);
    try {
      const appended = await index.log.append(batch, durability, condition);
      return {
        outcome: "appended",
        partition: index.partition,
        baseOffset: appended.baseOffset,
        firstRevision: snapshotRevision ?? firstRevision,
        lastRevision: snapshotRevision ?? firstRevision + count - 1,
        durability: appended.durability,
        duplicate: false,
      };
    } catch (error) {
      if (condition.refusedFor === undefined) throw error;
      return "refused";
    } finally {
      condition.leaveQueue();
    }
  }

  async #conflict(
    index: PartitionIndex,
    nextRevision: number,
    command: AppendEventsCommand,
  ): Promise<RevisionConflict> {
    const { expected, missedMax } = command;
    if (missedMax === 0) throw wrongRevision(expected, nextRevision);
    const actualRevision = nextRevision > 0 ? nextRevision - 1 : undefined;
    return { outcome: "conflict", actualRevision, missed: await this.#missed(index, command) };
  }

  /** The events after the revision expected. */
  async #missed(index: PartitionIndex, command: AppendEventsCommand): Promise<StreamEvent[]> {
    const { stream, expected, missedMax: maxEvents } = command;
    const fromRevision = typeof expected === "number" ? expected + 1 : 0;
    const query = { stream, direction: "forwards", fromRevision, maxEvents, fromSnapshot: false } as const;
    const { slots } = this.#options;
    const reader = await StreamReader.open({ index, slots, query, skipsGone: true });
    const missed: StreamEvent[] = [];
    let bytes = 0;
    for (let events = await reader.next(); events !== undefined; events = await reader.next()) {
      for (const event of events) {
        bytes += sizeOfEvent(event);
        if (bytes > MISSED_BYTES_MAX) return missed;
        missed.push(event);
      }
    }
    return missed;
  }
}

/** The revision that the first event will have if all goes as it looks now. */
function presumedRevision(head: StreamHead, { expected }: AppendEventsCommand): number {
  if (typeof expected === "number") return expected + 1;
  return expected === "none" ? 0 : head.nextRevision + head.queued;
}

function endOfTail({ tail }: StreamHead): number {
  const last = tail.at(-1);
  return last === undefined ? 0 : last.offset + last.count;
}
