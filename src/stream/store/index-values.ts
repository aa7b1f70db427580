/**
 * Values of the index: numbers one after another, each a varlong (base/varint.ts). "Plus one" leaves 0 for absence.
 *
 *     state        applied offset │ leader epoch of the batch before it
 *     swept        offset
 *     head         next revision │ revision of the latest snapshot plus one │ its offset
 *                    │ revision of the first event of the runs │ runs: as of events
 *     events       runs: offset after the end of the run before │ count
 *     idempotency  first revision │ count, 0 for a snapshot │ base offset
 *     offsets      runs: offset after the end of the run before │ count │ first revision
 *
 * A run is records of one stream with consecutive offsets. In a value of events the revisions are consecutive too.
 */
import { sizeOfVarlong, VarintReader, writeVarlong } from "../../base/index.ts";
import { IndexDamage } from "./index-damage.ts";

/** How far a log has been taken in. */
export interface AppliedState {
  /** Exclusive. */
  readonly appliedOffset: number;
  /** Leader epoch of the batch that ends there, which tells a log that was cut and grew again. */
  readonly leaderEpoch: number;
}

/** Where the latest snapshot of a stream is. */
export interface SnapshotPlace {
  readonly revision: number;
  readonly offset: number;
}

/** What is known of a stream. */
export interface HeadValue {
  /** Revision of the next event. */
  readonly nextRevision: number;
  readonly snapshot: SnapshotPlace | undefined;
  /** The newest events, whose revisions follow one another; those before have values of their own. */
  readonly recent: readonly EventRun[];
}

/** Records of one stream with consecutive offsets and revisions. */
export interface EventRun {
  readonly revision: number;
  readonly offset: number;
  readonly count: number;
}

/** What an append with an idempotency key did. */
export interface KnownAppend {
  /** Of a snapshot, the revision that it belongs to. */
  readonly firstRevision: number;
  /** 0 for a snapshot. */
  readonly count: number;
  readonly baseOffset: number;
}

class NumberReader extends VarintReader {
  constructor(bytes: Buffer) {
    super();
    this.bytes = bytes;
    this.end = bytes.length;
  }

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  /** A number from 0. */
  next(): number {
    const value = this.isAtEnd ? -1 : this.readVarlong();
    if (value < 0 || this.position > this.end) return this.refuse("not a number from 0", this.position);
    return value;
  }

  protected override refuse(problem: string, position: number): never {
    throw new IndexDamage(`${problem} at byte ${position} of ${this.end}`);
  }
}

function encode(numbers: readonly number[]): Buffer {
  let size = 0;
  for (const number of numbers) size += sizeOfVarlong(number);
  const bytes = Buffer.allocUnsafe(size);
  let position = 0;
  for (const number of numbers) position = writeVarlong(bytes, position, number);
  return bytes;
}

/** Encodes how far a log has been taken in. */
export function encodeState({ appliedOffset, leaderEpoch }: AppliedState): Buffer {
  return encode([appliedOffset, leaderEpoch]);
}

/** How far a log has been taken in. Throws IndexDamage. */
export function decodeState(bytes: Buffer): AppliedState {
  const reader = new NumberReader(bytes);
  return { appliedOffset: reader.next(), leaderEpoch: reader.next() };
}

/** Encodes one offset. */
export function encodeOffset(offset: number): Buffer {
  return encode([offset]);
}

/** One offset. Throws IndexDamage. */
export function decodeOffset(bytes: Buffer): number {
  return new NumberReader(bytes).next();
}

/** Encodes what is known of a stream. */
export function encodeHead({ nextRevision, snapshot, recent }: HeadValue): Buffer {
  const snapshotRevision = snapshot === undefined ? 0 : snapshot.revision + 1;
  const firstRevision = recent[0]?.revision ?? nextRevision;
  return encode([
    nextRevision,
    snapshotRevision,
    snapshot?.offset ?? 0,
    firstRevision,
    ...runNumbers(recent),
  ]);
}

/** What is known of a stream. Throws IndexDamage. */
export function decodeHead(bytes: Buffer): HeadValue {
  const reader = new NumberReader(bytes);
  const nextRevision = reader.next();
  const revision = reader.next() - 1;
  const offset = reader.next();
  const recent = readRuns(reader, reader.next());
  return { nextRevision, snapshot: revision < 0 ? undefined : { revision, offset }, recent };
}

/** Encodes runs whose revisions follow one another. */
export function encodeEvents(runs: readonly EventRun[]): Buffer {
  return encode(runNumbers(runs));
}

/** The runs of a value whose key has this revision. */
export function decodeEvents(revision: number, bytes: Buffer): EventRun[] {
  return readRuns(new NumberReader(bytes), revision);
}

function runNumbers(runs: readonly EventRun[]): number[] {
  const numbers: number[] = [];
  let end = 0;
  for (const { offset, count } of runs) {
    numbers.push(offset - end, count);
    end = offset + count;
  }
  return numbers;
}

function readRuns(reader: NumberReader, revision: number): EventRun[] {
  const runs: EventRun[] = [];
  let next = revision;
  let end = 0;
  while (!reader.isAtEnd) {
    const offset = end + reader.next();
    const count = reader.next();
    runs.push({ revision: next, offset, count });
    next += count;
    end = offset + count;
  }
  return runs;
}

/** Offset behind the last record of an append. */
export function endOfAppend({ baseOffset, count }: KnownAppend): number {
  return baseOffset + Math.max(1, count);
}

/** Encodes what an append with an idempotency key did. */
export function encodeKnownAppend({ firstRevision, count, baseOffset }: KnownAppend): Buffer {
  return encode([firstRevision, count, baseOffset]);
}

/** What an append with an idempotency key did. Throws IndexDamage. */
export function decodeKnownAppend(bytes: Buffer): KnownAppend {
  const reader = new NumberReader(bytes);
  return { firstRevision: reader.next(), count: reader.next(), baseOffset: reader.next() };
}

/** Encodes runs of any streams in the order of their offsets. */
export function encodeOffsets(runs: readonly EventRun[]): Buffer {
  let end = 0;
  return encode(
    runs.flatMap(({ revision, offset, count }) => {
      const gap = offset - end;
      end = offset + count;
      return [gap, count, revision];
    }),
  );
}

/** The runs of a value of offsets. Throws IndexDamage. */
export function decodeOffsets(bytes: Buffer): EventRun[] {
  const reader = new NumberReader(bytes);
  const runs: EventRun[] = [];
  let end = 0;
  while (!reader.isAtEnd) {
    const offset = end + reader.next();
    const count = reader.next();
    runs.push({ offset, count, revision: reader.next() });
    end = offset + count;
  }
  return runs;
}
