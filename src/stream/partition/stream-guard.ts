import { MillraceError } from "../../errors/index.ts";
import type { AppendGuard, Placing } from "../../log/index.ts";
import { RecordCursor } from "../../record/index.ts";
import { isStreamKey, reservedHeader } from "../event-headers.ts";
import { isExpected, reservedInRecord, snapshotAhead, wrongRevision } from "../stream-errors.ts";
import type { HeadMap } from "./head-map.ts";
import type { StreamCondition } from "./stream-condition.ts";
import type { Tail } from "./tail.ts";
import { PLAIN, UnitBuilder } from "./unit-builder.ts";

/** A batch of more records is left to be read from the log, slice by slice: noting it would hold everything else up. */
const NOTED_RECORDS_MAX = 4_096;
/** Runs written together, so that a write does not hold everything else up. */
const UNIT_RUNS_MAX = 1_024;

/** What a guard stands on. */
export interface StreamGuardParts {
  readonly heads: HeadMap;
  readonly tail: Tail;
  readonly leaderEpoch: number;
  readonly room: () => Promise<void> | undefined;
  readonly release: (beforeOffset: number) => Promise<number>;
  /** The tail cannot take what comes; from here on the log is to be read. */
  readonly fallBehind: () => void;
  /** A write has ended. */
  readonly changed: () => void;
}

/**
 * The say of the streams in their log. Live, every batch is noted in the heads as it gets its offset, so that they are
 * always at the end of the log and a condition is checked against nothing older; otherwise conditions are refused. Live
 * or not, nobody but `AppendEvents` writes what the index stands on.
 */
export class StreamGuard implements AppendGuard {
  readonly #parts: StreamGuardParts;
  readonly #cursor = new RecordCursor();
  #isLive = false;
  /** How many writes were taken back. */
  discardCount = 0;

  constructor(parts: StreamGuardParts) {
    this.#parts = parts;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** Begins to note what comes. Only between two writes, when the heads have everything in the log. */
  goLive(): void {
    this.#isLive = true;
  }

  /** Notes nothing any more. */
  stopLive(): void {
    this.#isLive = false;
  }

  place(placing: Placing): void {
    const { condition } = placing;
    if (condition !== undefined) this.#placeEvents(placing, condition as StreamCondition);
    else this.#placePlain(placing);
  }

  commit(): void {
    this.#parts.tail.commit();
    this.#parts.changed();
  }

  discard(): void {
    this.discardCount++;
    for (const head of this.#parts.tail.discard()) this.#parts.heads.rest(head);
    this.#parts.changed();
  }

  room(): Promise<void> | undefined {
    return this.#parts.room();
  }

  release(beforeOffset: number): Promise<number> {
    return this.#parts.release(beforeOffset);
  }

  #placeEvents({ baseOffset }: Placing, condition: StreamCondition): void {
    const { head, expected, firstRevision, count, snapshotRevision, idempotencyKey } = condition.parts;
    condition.leaveQueue();
    if (!this.#isLive || !this.#parts.heads.has(head)) throw refused(condition, "lost");
    const { nextRevision } = head;
    if (!isExpected(expected, nextRevision)) {
      condition.refusedFor = "conflict";
      throw wrongRevision(expected, nextRevision);
    }
    if (snapshotRevision !== undefined) {
      if (snapshotRevision >= nextRevision) throw snapshotAhead(snapshotRevision, nextRevision);
    } else if (firstRevision !== nextRevision) {
      throw refused(condition, "moved");
    }
    const unit = new UnitBuilder();
    unit.add(head, baseOffset, count, { isPlain: false, snapshotRevision, idempotencyKey });
    this.#stage(unit, baseOffset + count);
  }

  #placePlain({ batch, header, baseOffset }: Placing): void {
    const isNoted = this.#isLive && header.recordCount <= NOTED_RECORDS_MAX;
    const units: UnitBuilder[] = [];
    try {
      this.#note(batch, baseOffset - header.baseOffset, isNoted ? units : undefined);
    } catch (error) {
      const held = units.flatMap(({ runs }) => runs.map(({ head }) => head));
      for (const unit of units.reverse()) unit.takeBack();
      for (const head of held) this.#parts.heads.rest(head);
      throw error;
    }
    if (!isNoted) {
      if (this.#isLive) this.#parts.fallBehind();
      return;
    }
    const endOffset = baseOffset + header.lastOffsetDelta + 1;
    if (units.length === 0) units.push(new UnitBuilder());
    for (const [index, unit] of units.entries())
      this.#stage(unit, units[index + 1]?.firstOffset ?? endOffset);
  }

  /** Notes the records of a batch, in units of bounded size. Without units it only looks for what is reserved. */
  #note(batch: Buffer, shift: number, units: UnitBuilder[] | undefined): void {
    const cursor = this.#cursor;
    cursor.reset(batch);
    while (cursor.next()) {
      const reserved = cursor.headerCount > 0 ? reservedHeader(cursor.headers) : undefined;
      if (reserved !== undefined) throw reservedInRecord(reserved);
      if (units === undefined || !isStreamKey(cursor.keyLength)) continue;
      let unit = units.at(-1);
      if (unit === undefined || unit.runs.length === UNIT_RUNS_MAX) {
        unit = new UnitBuilder();
        units.push(unit);
      }
      unit.append(this.#parts.heads.hold(cursor.key!.toString("latin1")), cursor.offset + shift, PLAIN);
    }
  }

  #stage({ runs }: UnitBuilder, endOffset: number): void {
    this.#parts.tail.stage({ endOffset, leaderEpoch: this.#parts.leaderEpoch, runs });
  }
}

/** For the one who appends, who tries again. */
function refused(condition: StreamCondition, reason: "moved" | "lost"): MillraceError {
  condition.refusedFor = reason;
  return new MillraceError("OVERLOADED", "the stream has moved on while the append waited; try again");
}
