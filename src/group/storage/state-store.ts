import type { Clock, Timer } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";
import type { GroupChanges } from "../machine/group-changes.ts";
import {
  assignmentRecord,
  type GroupPart,
  groupRecord,
  memberRecord,
  memberTombstones,
} from "./group-record.ts";
import { bytesOfRecords, type LogAppender, tooLargeForAppend } from "./log-appender.ts";
import { APPEND_BYTES_MAX, type GroupRecord } from "../ports.ts";

/** Refusals that pass: a change of a group is stored once they have. */
const PASSING: readonly string[] = ["STORAGE_FULL", "OVERLOADED"];
const RETRY_MS = 1_000;

/** What storing the state of a group needs. */
export interface StateStoreParts {
  readonly name: string;
  readonly appender: LogAppender;
  readonly clock: Clock;
}

/** Stores what changed in one group, one change after another. */
export class StateStore {
  /** What is stored of the group itself; undefined if nothing is. */
  part: GroupPart | undefined;
  readonly #parts: StateStoreParts;
  #pause: Timer | undefined;
  #isStopped = false;

  constructor(parts: StateStoreParts, part: GroupPart | undefined) {
    this.#parts = parts;
    this.part = part;
  }

  /**
   * Stores changes; resolves when they are durable. Waits as long as the disk is full. Throws the failure of the log.
   * In pieces, if it is much: the state of the group first, then who went, then who changed; and the state once more,
   * as only then it is finished. A start that finds only a beginning computes a new target. It may find a partition
   * twice, and the younger assignment is the true one.
   */
  async put(changes: GroupChanges, isEmpty: boolean): Promise<void> {
    const { name, clock } = this.#parts;
    const { state } = changes;
    const records = recordsOf(name, changes);
    const part =
      state === undefined ? this.part : { ...state, emptySinceMs: isEmpty ? clock.nowMs() : undefined };
    if (part !== undefined && state !== undefined) {
      const finished = groupRecord(name, part);
      const isWhole = bytesOfRecords([finished, ...records]) <= APPEND_BYTES_MAX;
      records.unshift(isWhole ? finished : groupRecord(name, { ...part, isUnfinished: true }));
      if (!isWhole) records.push(finished);
    }
    for (const piece of inPieces(records)) await this.#append(piece);
    this.part = part;
  }

  /** Deletes what is stored of the group itself. Throws why that could not be. */
  async delete(): Promise<void> {
    const failure = await this.#tryAppend([groupRecord(this.#parts.name, undefined)]);
    if (failure !== undefined) throw failure;
    this.part = undefined;
  }

  /** Appends records of this group, all or none. */
  async #append(records: readonly GroupRecord[]): Promise<void> {
    const bytes = bytesOfRecords(records);
    if (bytes > APPEND_BYTES_MAX) throw tooLargeForAppend(`a member of group ${this.#parts.name}`, bytes);
    for (;;) {
      const failure = await this.#tryAppend(records);
      if (failure === undefined) return;
      if (this.#isStopped || !PASSING.includes(failure.reason)) throw failure;
      await this.#wait(failure.retryDelayMs ?? RETRY_MS);
    }
  }

  /** Does not try again what could not be stored. */
  stop(): void {
    this.#isStopped = true;
    this.#pause?.cancel();
  }

  #tryAppend(records: readonly GroupRecord[]): Promise<MillraceError | undefined> {
    return new Promise((resolve) => {
      const bytes = bytesOfRecords(records);
      const stored = () => resolve(undefined);
      this.#parts.appender.add({ bytes, records: () => records, stored, failed: resolve });
    });
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause = this.#parts.clock.schedule(delayMs, resolve);
    });
  }
}

/** Without the state of the group. */
function recordsOf(name: string, { terms, assignments, removedMemberIds }: GroupChanges): GroupRecord[] {
  return [
    ...removedMemberIds.flatMap((memberId) => memberTombstones(name, memberId)),
    ...terms.map((one) => memberRecord(name, one)),
    ...assignments.map((one) => assignmentRecord(name, one)),
  ];
}

function inPieces(records: readonly GroupRecord[]): GroupRecord[][] {
  const pieces: GroupRecord[][] = [];
  let bytes = APPEND_BYTES_MAX;
  for (const record of records) {
    const size = bytesOfRecords([record]);
    if (bytes + size > APPEND_BYTES_MAX) {
      pieces.push([]);
      bytes = 0;
    }
    pieces.at(-1)!.push(record);
    bytes += size;
  }
  return pieces;
}
