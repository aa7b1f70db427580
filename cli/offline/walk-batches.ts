import { BATCH_BYTES_MAX, READ_CHUNK_BYTES_MAX } from "../../src/base/index.ts";
import type { FileHandle } from "../../src/fs/index.ts";
import { scanBatches } from "../../src/log/index.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  probeBatch,
  readBaseOffset,
  readLastOffset,
} from "../../src/record/index.ts";

/** Bytes of a .log that are no whole and right batch. */
export interface Damage {
  readonly position: number;
  /** Where the next batch begins, or the end of the file. */
  readonly end: number;
  /** Such as "bad-crc". */
  readonly fault: string;
  readonly problem: string;
}

/** Sees what a .log holds, in its order. */
export interface BatchWalker {
  /** A batch whose frame and checksum are right. The bytes hold only during the call. */
  batch(header: BatchHeader, position: number, bytes: Buffer): void;
  damage(damage: Damage): void;
  /** Asked before each batch: "wait" awaits `room` first, "stop" ends the walk. Default: go on. */
  readonly next?: () => "go on" | "wait" | "stop";
  readonly room?: () => Promise<void>;
}

const WAIT = "wait";
const STOP = "stop";

/** Walks all batches of a .log of `bytes` bytes, past whatever is damaged between them. */
export async function walkBatches(file: FileHandle, bytes: number, walker: BatchWalker): Promise<void> {
  for (let position = 0; position < bytes; ) {
    const stop = await scanBatches(file, position, bytes, (header, at, batch) => {
      const next = walker.next?.() ?? "go on";
      if (next !== "go on") return next;
      walker.batch(header, at, batch);
      return undefined;
    });
    position = stop.position;
    if (stop.fault === undefined || stop.fault === STOP) return;
    if (stop.fault === WAIT) {
      await walker.room?.();
      continue;
    }
    const damage = await inspectDamage(file, position, bytes);
    walker.damage(damage);
    position = damage.end;
  }
}

/** Says what is wrong at a position, and where the next batch begins. */
async function inspectDamage(file: FileHandle, position: number, end: number): Promise<Damage> {
  const window = Buffer.allocUnsafe(Math.min(BATCH_BYTES_MAX, end - position));
  const probe = probeBatch(window, 0, await file.read(window, 0, window.length, position));
  if (probe.ok) {
    const problem = "the bytes changed while they were read; stop the broker and try again";
    return { position, end: position + probe.header.sizeInBytes, fault: "changed", problem };
  }
  const { fault, problem, sizeInBytes } = probe;
  if (sizeInBytes !== undefined && sizeInBytes <= end - position) {
    const follower = position + sizeInBytes;
    if (follower === end || (await isFollower(file, window, follower, end))) {
      return { position, end: follower, fault, problem };
    }
  }
  return { position, end: (await findBatch(file, position + 1, end)) ?? end, fault, problem };
}

/**
 * True if a batch follows where the length of the damaged one says: a right one, or one that is damaged too but goes
 * on with the offsets. Otherwise that length is part of the damage.
 */
async function isFollower(
  file: FileHandle,
  damaged: Buffer,
  position: number,
  end: number,
): Promise<boolean> {
  const window = Buffer.allocUnsafe(Math.min(BATCH_BYTES_MAX, end - position));
  const probe = probeBatch(window, 0, await file.read(window, 0, window.length, position));
  if (probe.ok) return true;
  const isFramed =
    probe.sizeInBytes !== undefined && probe.fault !== "bad-magic" && probe.fault !== "short-body";
  return isFramed && readBaseOffset(window, 0) === readLastOffset(damaged, 0) + 1;
}

/** The first position from `from` on where a whole and right batch begins. */
async function findBatch(file: FileHandle, from: number, end: number): Promise<number | undefined> {
  // Windows overlap by the largest batch, so that none is missed at a seam.
  const window = Buffer.allocUnsafe(Math.min(end - from, READ_CHUNK_BYTES_MAX + BATCH_BYTES_MAX));
  for (let position = from; position < end; position += READ_CHUNK_BYTES_MAX) {
    const read = await file.read(window, 0, Math.min(window.length, end - position), position);
    const starts = Math.min(READ_CHUNK_BYTES_MAX, read - BATCH_HEADER_BYTES + 1);
    for (let at = 0; at < starts; at++) {
      // A cheap test first: magic 2. The checksum decides.
      if (window[at + 16] === 2 && probeBatch(window, at, read).ok) return position + at;
    }
  }
  return undefined;
}
