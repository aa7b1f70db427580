import { MillraceError } from "../../errors/index.ts";
import type { CommittedOffsets, StoredOffset } from "../offsets/committed-offsets.ts";
import type { LogAppender } from "./log-appender.ts";
import { offsetRecord } from "./offset-record.ts";
import type { GroupRecord } from "../ports.ts";
import type { TopicPartition } from "../types.ts";

/** Most bytes that one group adds at once: a large commit goes in pieces, and lets others in between. */
const PIECE_BYTES_MAX = 524_288;
/** JSON around a committed offset in key and value, with its numbers and topic id. */
const OFFSET_RECORD_BYTES = 256;

/** What is to become of a committed offset: this one, none (undefined), or what it is. */
export type Decision = StoredOffset | undefined | "as-it-is";

/** A partition whose committed offset may change, with the metadata that may be stored. */
export interface OffsetChange extends TopicPartition {
  readonly metadata: string;
}

/** Whose offsets they are, and where they are stored. */
export interface OffsetsOfGroup {
  readonly name: string;
  readonly offsets: CommittedOffsets;
  readonly appender: LogAppender;
}

/**
 * Changes committed offsets, durably. `decide` is called when it is the turn of a change, with the log in the order of
 * calls: `offsets.staged` is then what the offset will be. Resolves, in the order of the changes, with why one could not
 * be stored; it may be that some could and others not. Throws OVERLOADED, with nothing changed, if too much waits.
 */
export async function storeOffsets<T extends OffsetChange>(
  group: OffsetsOfGroup,
  changes: readonly T[],
  decide: (change: T, index: number) => Decision,
): Promise<readonly (MillraceError | undefined)[]> {
  const pieces = cut(group.name, changes);
  const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
  if (!group.appender.hasRoom(bytes)) throw overloaded(group.name);
  const outcomes = await Promise.all(pieces.map((piece) => storePiece(group, piece, changes, decide)));
  return pieces.flatMap(({ start, end }, index) => new Array(end - start).fill(outcomes[index]));
}

interface Piece {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly bytes: number;
}

function cut(group: string, changes: readonly OffsetChange[]): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, { topic, metadata }] of changes.entries()) {
    if (bytes > PIECE_BYTES_MAX) {
      pieces.push({ start, end: index, bytes });
      start = index;
      bytes = 0;
    }
    bytes += OFFSET_RECORD_BYTES + group.length + topic.length + bytesInJson(metadata);
  }
  if (changes.length > start) pieces.push({ start, end: changes.length, bytes });
  return pieces;
}

function bytesInJson(text: string): number {
  return text === "" ? 0 : Buffer.byteLength(JSON.stringify(text));
}

function storePiece<T extends OffsetChange>(
  { name, offsets, appender }: OffsetsOfGroup,
  { start, end, bytes }: Piece,
  changes: readonly T[],
  decide: (change: T, index: number) => Decision,
): Promise<MillraceError | undefined> {
  return new Promise((resolve) => {
    appender.add({
      bytes,
      records: () => {
        const records: GroupRecord[] = [];
        for (let index = start; index < end; index++) {
          const change = changes[index]!;
          const decision = decide(change, index);
          if (decision === "as-it-is") continue;
          offsets.stage(change.topic, change.partition, decision);
          records.push(offsetRecord(name, change.topic, change.partition, decision));
        }
        return records;
      },
      stored: () => {
        offsets.settle();
        resolve(undefined);
      },
      failed: (error) => {
        offsets.discard();
        resolve(error);
      },
    });
  });
}

function overloaded(group: string): MillraceError {
  const text = `too many commits wait for the disk beside those of group ${group}; try again, or commit less often`;
  return new MillraceError("OVERLOADED", text, { details: { group } });
}
