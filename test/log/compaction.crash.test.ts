/**
 * Cleaning on a disk that fails, fills up or loses its power at any operation: the newest record of each key is there
 * after the next start, nothing comes back that was removed with its key, and the next cleaning does the whole work.
 */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import {
  type Fault,
  FaultPlan,
  FaultyFileSystem,
  MemoryFileSystem,
  type Operation,
} from "../../src/fs/index.ts";
import type { PartitionLog } from "../../src/log/index.ts";
import {
  clean,
  COMPACTED,
  keyed,
  keyedBatch,
  type ReadKeyed,
  readKeyed,
  seal,
  textOf,
  textsOf,
} from "./compaction-rig.ts";
import { LogRig } from "./log-rig.ts";

/** How many ways each power loss ends. */
const SEEDS = Number(process.env.MILLRACE_CRASH_SEEDS ?? 3);
const DELETE_RETENTION_MS = 1_000;

/** What was acknowledged, by offset. */
class Promised {
  readonly records: ReadKeyed[] = [];
  /** What a checkpoint may say. */
  recoveryPoint = 0;

  async append(log: PartitionLog, ...texts: readonly string[]): Promise<void> {
    const { baseOffset } = await log.append(keyedBatch(keyed(...texts)), undefined);
    for (const [index, { key, value }] of keyed(...texts).entries()) {
      this.records[baseOffset + index] = { offset: baseOffset + index, key, value, timestampMs: 1_000 };
    }
    this.recoveryPoint = log.recoveryPoint;
  }

  /** What compaction keeps when everything below `end` was cleaned, tombstones among it. */
  compacted(end: number): string[] {
    const cleaned = this.records.slice(0, end).filter(Boolean);
    const newest = new Map(cleaned.map((record) => [record.key, record.offset]));
    const kept = this.records.filter(
      (record) => record.offset >= end || newest.get(record.key) === record.offset,
    );
    return kept.map(textOf);
  }

  /** What is wrong with what was read. */
  objections(read: readonly ReadKeyed[]): string[] {
    const problems: string[] = [];
    const newest = new Map<string | null, ReadKeyed>();
    for (const record of read) {
      const promised = this.records[record.offset];
      if (promised !== undefined && textOf(promised) !== textOf(record)) {
        problems.push(`${textOf(record)} where ${textOf(promised)} was acknowledged`);
      }
      newest.set(record.key, record);
    }
    const wanted = new Map(this.records.filter(Boolean).map((record) => [record.key, record]));
    for (const [key, record] of wanted) {
      const found = newest.get(key);
      const isRemoved = found === undefined && record.value === null;
      if (!isRemoved && (found === undefined || found.offset < record.offset)) {
        problems.push(`the newest record of ${key} is ${found && textOf(found)}, not ${textOf(record)}`);
      }
    }
    return problems;
  }
}

/** Two cleanings: one that merges segments, empties some and meets a tombstone; one that removes that later. */
async function liveThrough(rig: LogRig, promised: Promised): Promise<PartitionLog> {
  const log = await rig.open();
  await rig.fs.syncDirectory("/");
  await promised.append(log, "a=1", "b=1");
  for (let i = 0; i < 8; i++) await promised.append(log, `c=${i}`, `d=${i}`, "e=same");
  await promised.append(log, "a", "f=1");
  await seal(rig, log);
  promised.records[log.highWatermark - 1] = (await readKeyed(log, log.highWatermark - 1))[0]!;
  await clean(log);
  await promised.append(log, "c=9", "g=1", "b=2");
  for (let i = 0; i < 8; i++) await promised.append(log, `h=${i}`, `d=1${i}`, "e=same");
  rig.clock.advance(DELETE_RETENTION_MS + 10_000);
  await seal(rig, log);
  promised.records[log.highWatermark - 1] = (await readKeyed(log, log.highWatermark - 1))[0]!;
  await clean(log);
  await promised.append(log, "f=2");
  return log;
}

function rigOn(disk: MemoryFileSystem, faults: FaultPlan): LogRig {
  return new LogRig({
    fs: new FaultyFileSystem(disk, faults),
    config: { ...COMPACTED, segmentBytes: 500, deleteRetentionMs: DELETE_RETENTION_MS },
  });
}

const fails = (code: string): Fault => ({ action: "fail", code });
const powerGoes: Fault = { action: "lose-power" };

function faultsOf({ name, bytes = 0 }: Operation): Fault[] {
  const half = bytes >> 1;
  switch (name) {
    case "write":
      return [
        powerGoes,
        { action: "lose-power", bytes: half },
        fails("EIO"),
        { action: "short", bytes: half },
        { action: "tear", bytes: half, code: "ENOSPC" },
      ];
    case "datasync":
    case "syncDirectory":
    case "rename":
    case "truncate":
    case "remove":
      return [powerGoes, fails("EIO"), fails("ENOSPC"), { action: "fail", code: "EIO", effect: "after" }];
    default:
      return [powerGoes, fails("EIO"), fails("EMFILE")];
  }
}

/** Whatever is thrown ends the scenario: what was acknowledged before counts. */
async function liveAsLongAsPossible(rig: LogRig, promised: Promised): Promise<void> {
  await liveThrough(rig, promised).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
  });
}

async function objectionsAfter(rig: LogRig, promised: Promised, recoveryPoint: number): Promise<string[]> {
  const log = await rig.open({ recoveryPoint });
  const problems = promised.objections(await readKeyed(log));
  await promised.append(log, "z=1");
  await seal(rig, log);
  rig.clock.advance(DELETE_RETENTION_MS + 1);
  await clean(log);
  problems.push(...promised.objections(await readKeyed(log)));
  const names = (await rig.names()).filter((name) => /cleaned|swap/.test(name));
  if (names.length > 0) problems.push(`left behind: ${names.join()}`);
  const before = await textsOf(log);
  await log.close();
  const again = await rig.open({ isClean: true, recoveryPoint: log.recoveryPoint });
  const after = await textsOf(again);
  if (after.join() !== before.join()) problems.push(`${before.join()} became ${after.join()}`);
  return problems;
}

describe("cleaning", () => {
  it("keeps what it should where nothing fails", async () => {
    const promised = new Promised();
    const rig = rigOn(new MemoryFileSystem({ crashModel: true }), new FaultPlan());
    const log = await liveThrough(rig, promised);
    const texts = await textsOf(log);
    expect(promised.objections(await readKeyed(log))).toEqual([]);
    expect(texts).not.toContain("26:a");
    expect(texts).toEqual(promised.compacted(log.cleaner.firstDirtyOffset).filter((text) => text !== "26:a"));
  });

  it("survives every fault at every operation", async () => {
    const dryRun = new FaultPlan();
    await liveThrough(rigOn(new MemoryFileSystem({ crashModel: true }), dryRun), new Promised());
    const found: string[] = [];
    let count = 0;
    for (const [number, operation] of dryRun.operations.entries()) {
      for (const fault of faultsOf(operation)) {
        const disk = new MemoryFileSystem({ crashModel: true });
        const rig = rigOn(disk, new FaultPlan().at(number, fault));
        const promised = new Promised();
        await liveAsLongAsPossible(rig, promised);
        for (let seed = 0; seed < SEEDS; seed++) {
          count++;
          const unsynced = (["any", "lost", "kept"] as const)[seed % 3]!;
          const crashed = rig.movedTo(disk.crash(seededRandom(seed + count), { unsynced }));
          const copy = new Promised();
          copy.records.push(...promised.records);
          const problems = await objectionsAfter(
            crashed,
            copy,
            seed % 2 === 0 ? promised.recoveryPoint : 0,
          ).catch((error: Error) => [String(error.stack)]);
          for (const problem of problems) {
            found.push(
              `${number}: ${operation.name} ${operation.path} ${JSON.stringify(fault)} ${unsynced}: ${problem}`,
            );
          }
        }
      }
    }
    expect(found.slice(0, 5)).toEqual([]);
    expect(count).toBeGreaterThan(500);
  }, 60_000);
});
