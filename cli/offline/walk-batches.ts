import { BATCH_BYTES_MAX } from "../../src/base/index.ts";
import type { FileHandle } from "../../src/fs/index.ts";
import { findBatch, scanBatches } from "../../src/log/index.ts";
import { type BatchHeader, probeBatch, readBaseOffset, readLastOffset } from "../../src/record/index.ts";

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
  const next = await findBatch(file, position + 1, end);
  if (next === undefined || next.isSure) return { position, end: next?.position ?? end, fault, problem };
  const givenUp = `${problem}; too many bytes from ${next.position} on look like a batch and are none, so what follows was not searched`;
  return { position, end, fault, problem: givenUp };
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
