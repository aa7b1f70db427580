/** What the offline commands say of a log that was compacted, or whose compaction was interrupted. */
import { beforeAll, describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { clean, COMPACTED, keyed, keyedBatch, seal } from "../log/compaction-rig.ts";
import { LogRig, logName } from "../log/log-rig.ts";
import { runCli } from "./run-cli.ts";

const FOLDER = "/log";

/** A compacted partition: a gap, a batch with holes, one with a tombstone, and the active segment. */
async function compacted(faults = new FaultPlan()): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  const rig = new LogRig({
    fs: new FaultyFileSystem(fs, faults),
    config: { ...COMPACTED, indexIntervalBytes: 1 },
  });
  const log = await rig.open();
  for (let i = 0; i < 20; i++) await log.append(keyedBatch(keyed("a=1", "b=1")), undefined);
  await log.append(keyedBatch(keyed("c=1", "d=1", "a=2")), undefined);
  await log.append(keyedBatch(keyed("b", "d=2")), undefined);
  await seal(rig, log);
  await clean(log).catch(() => undefined);
  await log.close();
  await rig.replace("partition.metadata", Buffer.from("version: 0\ntopic_id: ASNFZ4mrze8BI0VniavN7w\n"));
  return fs;
}

let fs: MemoryFileSystem;

beforeAll(async () => {
  fs = await compacted();
});

describe("log verify", () => {
  it("finds nothing wrong with a compacted log, and counts the records that are left", async () => {
    const { exitCode, stdout, stderr } = await runCli(["log", "verify", FOLDER], { fs });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toMatch(/2 segments, 4 batches, 5 records, .*: nothing is damaged/);
  });

  it("misses a batch of a compacted log", async () => {
    const path = `${FOLDER}/${logName(0)}`;
    const content = await fs.readFile(path, 10_000);
    const shorter = await compacted();
    const file = await shorter.open(path, "read-write");
    await file.truncate(0);
    await file.write([content.subarray(61)], 0);
    await file.close();
    const { exitCode, stdout } = await runCli(["log", "verify", FOLDER], { fs: shorter });
    expect(exitCode).toBe(1);
    expect(stdout).toContain("base offset 40 where 0 follows");
  });

  it("takes a swap that was interrupted for a notice, whichever of the old files are left", async () => {
    const isLog = (path: string) => /\d\.log$/.test(path);
    for (let renamed = 0; renamed < 3; renamed++) {
      const faults = new FaultPlan();
      faults.when("rename", isLog, { action: "wait", until: Promise.resolve() }, renamed);
      faults.when("rename", isLog, { action: "fail", code: "EIO" });
      const left = await compacted(faults);
      const names = (await left.list(FOLDER)).map(({ name }) => name);
      expect(names).toContain(`${logName(0)}.swap`);
      const { exitCode, stdout } = await runCli(["log", "verify", FOLDER, "-o", "json"], { fs: left });
      const found = stdout
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
      expect(exitCode).toBe(0);
      expect(found).toContainEqual(expect.objectContaining({ severity: "notice", fault: "unfinished-swap" }));
      const leftovers = found.filter(({ fault }) => fault === "leftover");
      expect(leftovers).toHaveLength(names.filter(isLog).length - (renamed === 0 ? 2 : 1));
    }
  });
});

describe("log dump", () => {
  it("says what compaction left of each batch, and until when tombstones stay", async () => {
    const { stdout, exitCode } = await runCli(["log", "dump", FOLDER, "--records"], { fs });
    expect(exitCode).toBe(0);
    const lines = stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  "));
    expect(lines[1]).toMatch(/^position 0 {2}offsets 0 to 39 {2}records 0 of 40, compacted {2}61 B {2}none/);
    expect(lines[2]).toMatch(/offsets 40 to 42 {2}records 2 of 3, compacted/);
    expect(lines[3]).toMatch(/offset 40 .*"c"/);
    expect(lines[4]).toMatch(/offset 42 .*"a"/);
    expect(lines[5]).toMatch(/offsets 43 to 44 {2}records 2 .*tombstones until 2023-11-14T22:13:2\d/);
    expect(lines[6]).toMatch(/offset 43 .*"b".*null/);
  });

  it("tells the same to programs", async () => {
    const { stdout } = await runCli(["log", "dump", FOLDER, "-o", "json"], { fs });
    const batches = stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(batches[0]).toMatchObject({ baseOffset: 0, lastOffset: 39, recordCount: 0 });
    expect(batches[0]).not.toHaveProperty("deleteHorizonMs");
    expect(batches[2].deleteHorizonMs).toBeGreaterThan(1_700_000_000_000);
  });
});
