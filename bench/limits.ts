/**
 * The raw limits of this machine's disk, in this process and without any of the broker's code: what the engine is held
 * against. The limits of the network need processes of their own; see processes/.
 */
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createHistogram } from "node:perf_hooks";
import { systemClock } from "../src/base/index.ts";
import { type Percentiles, percentilesOf, recordMs } from "./support/percentiles.ts";

const COPY_BYTES = 1_048_576;

/** What to write and how. */
export interface BareWrite {
  readonly path: string;
  /** Gives the next buffer to write. */
  readonly next: () => Buffer;
  /** Buffers of one vectored write. */
  readonly groupBuffers: number;
  /** Bytes to write in all; the last group may go beyond. */
  readonly bytes: number;
  /** fdatasync after each this many bytes; undefined never. */
  readonly syncEveryBytes?: number;
  /** Whether the file stays. */
  readonly keep?: boolean;
}

/** Appends to a fresh file and returns MB/s. */
export async function bareWrite(task: BareWrite): Promise<number> {
  const { path, next, groupBuffers, bytes, syncEveryBytes = Number.POSITIVE_INFINITY } = task;
  const file = await open(path, "w");
  const startMs = systemClock.monotonicMs();
  let written = 0;
  let unsynced = 0;
  while (written < bytes) {
    const group = Array.from({ length: groupBuffers }, next);
    const { bytesWritten } = await file.writev(group, written);
    written += bytesWritten;
    unsynced += bytesWritten;
    if (unsynced < syncEveryBytes) continue;
    await file.datasync();
    unsynced = 0;
  }
  if (unsynced > 0 && syncEveryBytes < Number.POSITIVE_INFINITY) await file.datasync();
  const tookMs = systemClock.monotonicMs() - startMs;
  await file.close();
  if (task.keep !== true) await rm(path);
  return written / tookMs / 1_000;
}

/** Reads a file from its start in chunks, into one buffer, and returns MB/s. */
export async function bareRead(path: string, chunkBytes: number, bytes: number): Promise<number> {
  const file = await open(path, "r");
  const target = Buffer.allocUnsafeSlow(chunkBytes);
  const { size } = await file.stat();
  const startMs = systemClock.monotonicMs();
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await file.read(target, 0, chunkBytes, done % size);
    done += bytesRead;
  }
  const tookMs = systemClock.monotonicMs() - startMs;
  await file.close();
  return done / tookMs / 1_000;
}

/** What to read, and how much to write of it. */
export interface BareCopy {
  readonly folder: string;
  readonly readBytes: number;
  readonly writeBytes: number;
}

/** Reads a file, writes as much as is said of it to another, syncs that once, and returns MB/s of what was read. */
export async function bareCopy({ folder, readBytes, writeBytes }: BareCopy): Promise<number> {
  const chunk = Buffer.alloc(COPY_BYTES, "v");
  const source = join(folder, "bare.log");
  const target = join(folder, "bare.cleaned");
  await bareWrite({ path: source, next: () => chunk, groupBuffers: 1, bytes: readBytes, keep: true });
  const from = await open(source, "r");
  const to = await open(target, "w");
  const startMs = systemClock.monotonicMs();
  let read = 0;
  let written = 0;
  while (read < readBytes) {
    const { bytesRead } = await from.read(chunk, 0, chunk.length, read);
    read += bytesRead;
    const wanted = Math.floor((read / readBytes) * writeBytes) - written;
    const { bytesWritten } = await to.write(chunk, 0, Math.min(wanted, bytesRead), written);
    written += bytesWritten;
  }
  await to.datasync();
  const tookMs = systemClock.monotonicMs() - startMs;
  await from.close();
  await to.close();
  await rm(source);
  await rm(target);
  return read / tookMs / 1_000;
}

/** Appends `bytes` and syncs, one after another, and returns how long the fdatasync alone took. */
export async function bareSyncLatency(path: string, bytes: number, durationMs: number): Promise<Percentiles> {
  const file = await open(path, "w");
  const content = Buffer.alloc(bytes, "v");
  const histogram = createHistogram();
  const endMs = systemClock.monotonicMs() + durationMs;
  let position = 0;
  while (systemClock.monotonicMs() < endMs) {
    await file.write(content, 0, bytes, position);
    position += bytes;
    const startMs = systemClock.monotonicMs();
    await file.datasync();
    recordMs(histogram, systemClock.monotonicMs() - startMs);
  }
  await file.close();
  await rm(path);
  return percentilesOf(histogram);
}
