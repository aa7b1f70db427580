/** What a log knows of producers after a restart: from a snapshot, from the batches, from both, and never from lies. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import type { PartitionLog } from "../../src/log/index.ts";
import { batchOf } from "./batches.ts";
import { clean, COMPACTED, keyed, keyedBatch, seal, textsOf } from "./compaction-rig.ts";
import { LogRig, logName } from "./log-rig.ts";

const DAY_MS = 86_400_000;
const LARGE = "x".repeat(1_000_000);

const sent = (producerId: number, baseSequence: number, value = "v", producerEpoch = 0) =>
  batchOf([value], { producer: { producerId, producerEpoch, baseSequence } });

/** Forty batches of producer 1, then one of each of three others, producer 9 under epoch 4. */
async function fill(log: PartitionLog): Promise<void> {
  for (let sequence = 0; sequence < 40; sequence++) await log.append(sent(1, sequence), undefined);
  for (const id of [7, 8]) await log.append(sent(id, 5), undefined);
  await log.append(sent(9, 0, "v", 4), undefined);
}

/** That the log still answers as it did before: retries, gaps and old epochs. */
async function expectKnown(log: PartitionLog): Promise<void> {
  for (let sequence = 8; sequence < 40; sequence++) {
    expect(await log.append(sent(1, sequence), undefined)).toMatchObject({
      duplicate: true,
      baseOffset: sequence,
      timestampMs: 1_000,
    });
  }
  for (const [id, baseOffset] of [
    [7, 40],
    [8, 41],
  ] as const) {
    expect(await log.append(sent(id, 5), undefined)).toMatchObject({ duplicate: true, baseOffset });
  }
  const refused = (batch: Buffer, reason: string, details: object) =>
    expect(log.append(batch, undefined)).rejects.toMatchObject({ reason, details });
  await refused(sent(1, 7), "OUT_OF_ORDER_SEQUENCE", { expected: "40", actual: "7" });
  await refused(sent(1, 41), "OUT_OF_ORDER_SEQUENCE", { expected: "40", actual: "41" });
  await refused(sent(9, 1, "v", 3), "PRODUCER_FENCED", { expected: "4", actual: "3" });
  expect(log.logEndOffset).toBe(43);
}

const snapshotsOf = async (rig: LogRig) => (await rig.names()).filter((name) => name.endsWith(".snapshot"));

describe("what producers sent is known", () => {
  it("after a clean stop, without reading a batch", async () => {
    const rig = new LogRig();
    const log = await rig.open();
    await fill(log);
    await log.close();
    expect(await snapshotsOf(rig)).toEqual(["00000000000000000043.snapshot"]);
    const faults = new FaultPlan();
    const again = rig.movedTo(new FaultyFileSystem(rig.fs, faults));
    const opened = await again.open({ isClean: true, recoveryPoint: 43 });
    const reads = faults.operations.filter(({ name, path }) => name === "read" && path.endsWith(".log"));
    expect(reads.length).toBeLessThanOrEqual(2); // the first header and that of the largest timestamp
    await expectKnown(opened);
  });

  it.each([0, 1, 12, 43])(
    "after a crash, with a snapshot of offset %i and the batches behind it",
    async (at) => {
      const whole = new LogRig();
      const full = await whole.open();
      await fill(full);
      const rig = await whole.copy(new Map([...(await whole.snapshot())]));
      const log = await rig.open();
      await log.close();
      const files = new Map(await whole.snapshot());
      if (at > 0) files.set(...(await snapshotAt(at)));
      const crashed = await whole.copy(files);
      await expectKnown(await crashed.open({ recoveryPoint: 3 }));
    },
  );

  it("if the snapshot is missing, or any byte of it is another", async () => {
    const rig = new LogRig();
    const log = await rig.open();
    await fill(log);
    await log.close();
    const files = await rig.snapshot();
    const [name] = await snapshotsOf(rig);
    const content = files.get(name!)!;
    const others: (Buffer | undefined)[] = [undefined, Buffer.alloc(0), content.subarray(0, 30)];
    for (let byte = 0; byte < content.length; byte++) {
      const flipped = Buffer.from(content);
      flipped[byte]! ^= 1 << (byte % 8);
      others.push(flipped);
    }
    for (const other of others) {
      const damaged = new Map(files);
      if (other === undefined) damaged.delete(name!);
      else damaged.set(name!, other);
      const copy = await rig.copy(damaged);
      await expectKnown(await copy.open({ isClean: true, recoveryPoint: 43 }));
    }
  });

  it("from 8 MiB on a snapshot is taken with each checkpoint; the oldest and the newest two are kept", async () => {
    const rig = new LogRig({ config: { segmentBytes: 2 ** 30 } });
    const log = await rig.open();
    let sequence = 0;
    for (let taken = 0; taken < 4; taken++) {
      for (let i = 0; i < 8; i++) await log.append(sent(1, sequence++, LARGE), undefined);
      await log.persistDerived();
      expect(await snapshotsOf(rig)).toHaveLength(Math.min(taken, 3));
      await log.append(sent(1, sequence++, LARGE), undefined);
      await log.persistDerived();
      expect(await snapshotsOf(rig)).toHaveLength(Math.min(taken + 1, 3));
    }
    expect(await snapshotsOf(rig)).toEqual([
      "00000000000000000009.snapshot",
      "00000000000000000027.snapshot",
      "00000000000000000036.snapshot",
    ]);
  });
});

describe("a snapshot", () => {
  it("of an end that the log lost is not believed, now or when the log has grown beyond it again", async () => {
    const rig = new LogRig({ config: { flushMode: "written" } });
    const log = await rig.open();
    await log.append(sent(1, 0), undefined);
    const kept = await rig.bytes(logName(0));
    await log.append(sent(1, 1), undefined);
    await log.append(sent(2, 0), undefined);
    await log.close();
    const stale = await rig.snapshot();
    const [name] = await snapshotsOf(rig);
    await rig.replace(logName(0), kept); // a power loss took the end, and kept the name of the snapshot

    const shorter = await rig.open({ recoveryPoint: 1 });
    expect(await snapshotsOf(rig)).toEqual([]);
    expect(await shorter.append(sent(1, 1, "again"), undefined)).toMatchObject({
      duplicate: false,
      baseOffset: 1,
    });
    await shorter.append(sent(3, 0), undefined);
    await shorter.append(sent(3, 1), undefined);
    await rig.replace(name!, stale.get(name!)!); // and its removal was lost as well
    const longer = await rig.open({ recoveryPoint: 1 });
    expect(await longer.append(sent(2, 0, "first"), undefined)).toMatchObject({
      duplicate: false,
      baseOffset: 4,
    });
    expect(await longer.append(sent(3, 1), undefined)).toMatchObject({ duplicate: true, baseOffset: 3 });
  });

  it("that cannot be written, read or removed costs nothing but a longer start", async () => {
    const faults = new FaultPlan();
    const rig = new LogRig();
    const faulty = rig.movedTo(new FaultyFileSystem(rig.fs, faults));
    const log = await faulty.open();
    await fill(log);
    for (const operation of ["write", "rename", "remove"] as const) {
      faults.when(operation, (path) => path.includes(".snapshot"), { action: "fail", code: "EIO" });
    }
    expect(await log.close()).toBe(true);
    expect(faulty.line("trouble with a snapshot")?.fields).toMatchObject({ code: "EIO" });
    faults.heal();
    const opened = await faulty.open({ isClean: true, recoveryPoint: 43 });
    await expectKnown(opened);
    await opened.close();
    faults.when("read", (path) => path.includes(".snapshot"), { action: "fail", code: "EIO" });
    faults.when("remove", (path) => path.includes(".snapshot"), { action: "fail", code: "EIO" });
    await expectKnown(await faulty.open({ isClean: true, recoveryPoint: 43 }));
  });
});

/** A log whose oldest segments go: with a snapshot of sequence 0, and 1 to 9 behind it. Told of each that was acked. */
async function outgrow(
  rig: LogRig,
  acked: (offset: number, recoveryPoint: number) => void,
): Promise<PartitionLog> {
  await rig.fs.makeDirectory(rig.folder);
  await rig.fs.syncDirectory("/");
  let log = await rig.open();
  const append = async (batch: Buffer) => {
    const { baseOffset } = await log.append(batch, undefined);
    acked(baseOffset, log.recoveryPoint);
  };
  await append(sent(7, 0));
  await log.close();
  log = await rig.open({ isClean: true, recoveryPoint: log.recoveryPoint });
  for (let sequence = 1; sequence < 10; sequence++) await append(sent(7, sequence));
  for (let others = 0; others < 6; others++) await append(batchOf(["other"]));
  await log.trim(12);
  await append(batchOf(["other"]));
  await log.trim(log.highWatermark);
  await append(batchOf(["other"]));
  await log.persistDerived();
  return log;
}

/** What is wrong with the answers to producer 7, who was told that so many of its batches are there. */
async function objectionsTo(log: PartitionLog, acked: number): Promise<string[]> {
  const problems: string[] = [];
  const end = log.logEndOffset;
  for (let sequence = 0; sequence < acked; sequence++) {
    const again = await log.append(sent(7, sequence), undefined).catch(String);
    if (typeof again === "string" ? !again.includes("where") : !again.duplicate) {
      problems.push(`sequence ${sequence} of ${acked}: ${JSON.stringify(again)}`);
    }
  }
  if (log.logEndOffset !== end) problems.push(`${log.logEndOffset - end} batches twice`);
  const next = await log.append(sent(7, acked), undefined).catch(String);
  if (typeof next === "string") problems.push(`sequence ${acked} after ${acked - 1}: ${next}`);
  return problems;
}

describe("a producer whose batches were all deleted", () => {
  const config = { segmentBytes: 300 };

  it("is known after a crash: an old sequence is not written again, and the next one is not refused", async () => {
    const rig = new LogRig({ config });
    const log = await outgrow(rig, () => undefined);
    expect(await objectionsTo(await rig.open({ recoveryPoint: log.recoveryPoint }), 10)).toEqual([]);
  });

  it("is known after a power loss at any operation", async () => {
    const dryRun = new FaultPlan();
    const whole = new MemoryFileSystem({ crashModel: true });
    await outgrow(new LogRig({ fs: new FaultyFileSystem(whole, dryRun), config }), () => undefined);
    const found: string[] = [];
    for (const [number, operation] of dryRun.operations.entries()) {
      for (const [seed, unsynced] of (["lost", "kept", "any", "any", "any"] as const).entries()) {
        const disk = new MemoryFileSystem({ crashModel: true });
        const plan = new FaultPlan().at(number, {
          action: "lose-power",
          effect: seed % 2 ? "after" : "before",
        });
        const rig = new LogRig({ fs: new FaultyFileSystem(disk, plan), config });
        let ackedCount = 0;
        let recoveryPoint = 0;
        const life = outgrow(rig, (offset, point) => {
          ackedCount = Math.min(offset + 1, 10);
          recoveryPoint = point;
        });
        await life.catch((error: unknown) => expect(error).toBeInstanceOf(Error));
        const crashed = rig.movedTo(disk.crash(seededRandom(number * 10 + seed), { unsynced }), { config });
        const log = await crashed.open({ recoveryPoint });
        // One that was under way may be there as well.
        const isNextThere = (await log.append(sent(7, ackedCount), undefined)).duplicate;
        const count = ackedCount + 1;
        for (const problem of await objectionsTo(log, count)) {
          found.push(`${number} ${operation.name} ${operation.path} ${unsynced} ${isNextThere}: ${problem}`);
        }
      }
    }
    expect(found.slice(0, 5)).toEqual([]);
  }, 60_000);

  it("is forgotten rather than taken for where it was, if only a snapshot from before them is left", async () => {
    const faults = new FaultPlan();
    const rig = new LogRig({ config, fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
    let opened = 0;
    const isFull = (path: string) => opened > 1 && path.includes(".snapshot");
    faults.when("write", isFull, { action: "fail", code: "ENOSPC" });
    const log = await outgrow(rig, () => void opened++);
    expect(log.logStartOffset).toBe(17); // a full disk is no reason to delete nothing
    const again = await rig.open({ recoveryPoint: log.recoveryPoint });
    expect(await again.append(sent(7, 10), undefined)).toMatchObject({ duplicate: false });
  });

  it("is known again durably as soon as the disk takes the snapshot that it refused", async () => {
    const faults = new FaultPlan();
    const disk = new MemoryFileSystem({ crashModel: true });
    const rig = new LogRig({ config, fs: new FaultyFileSystem(disk, faults) });
    faults.when("datasync", (path) => path.includes(".snapshot"), { action: "fail", code: "ENOSPC" }, 2);
    const log = await outgrow(rig, () => undefined); // refused at each trim, not at the checkpoint
    const crashed = rig.movedTo(disk.crash(seededRandom(1), { unsynced: "lost" }));
    expect(await objectionsTo(await crashed.open({ recoveryPoint: log.recoveryPoint }), 10)).toEqual([]);
  });
});

describe("a producer that there was no memory for", () => {
  it("stays forgotten after a crash, if compaction removed what an old snapshot does not know", async () => {
    const rig = new LogRig({ config: COMPACTED });
    const ofSeven = (baseSequence: number) =>
      keyedBatch(keyed("a=1"), { producer: { producerId: 7, producerEpoch: 0, baseSequence } });
    let log = await rig.open();
    await log.append(ofSeven(0), undefined);
    await log.close();
    log = await rig.open({ isClean: true, recoveryPoint: 1 });
    for (let sequence = 1; sequence < 4; sequence++) await log.append(ofSeven(sequence), undefined);
    await log.append(keyedBatch(keyed("a=2")), undefined);
    rig.env.producers.touch({ evict: () => undefined }, 1_000_000);
    await seal(rig, log);
    await clean(log);
    expect(await textsOf(log)).toEqual(["4:a=2", "5:seal=x"]);
    const again = await rig.open({ recoveryPoint: log.recoveryPoint });
    expect(await again.append(ofSeven(4), undefined)).toMatchObject({ duplicate: false });
  });
});

describe("a producer", () => {
  it("that was idle for a day is forgotten, in memory and in snapshots", async () => {
    const rig = new LogRig();
    const log = await rig.open();
    await log.append(sent(1, 0), undefined);
    rig.clock.advance(DAY_MS - 1);
    await log.append(sent(2, 0), undefined);
    expect(await log.append(sent(1, 0), undefined)).toMatchObject({ duplicate: true, baseOffset: 0 });
    rig.clock.advance(1);
    await log.close();
    const opened = await rig.open({ isClean: true, recoveryPoint: 2 });
    expect(await opened.append(sent(2, 0), undefined)).toMatchObject({ duplicate: true, baseOffset: 1 });
    expect(await opened.append(sent(1, 7), undefined)).toMatchObject({ duplicate: false, baseOffset: 2 });
    rig.clock.advance(DAY_MS);
    expect(await opened.append(sent(2, 7), undefined)).toMatchObject({ duplicate: false, baseOffset: 3 });
  });
});

describe("the memory for producers, which logs share", () => {
  it("is given back when the log is closed, well or after it went offline", async () => {
    for (const isOffline of [false, true]) {
      const faults = new FaultPlan();
      const rig = new LogRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), faults) });
      const log = await rig.open();
      await fill(log);
      expect(rig.env.producers.bytes).toBeGreaterThan(0);
      if (isOffline) {
        faults.when("datasync", () => true, { action: "fail", code: "EIO" });
        await expect(log.append(sent(1, 40), undefined)).rejects.toMatchObject({ reason: "STORAGE_OFFLINE" });
      }
      expect(await log.close()).toBe(!isOffline);
      expect(rig.env.producers.bytes).toBe(0);
    }
  });

  it("is given back when the log cannot be opened after its snapshot was restored", async () => {
    const rig = new LogRig({ config: { indexIntervalBytes: 1 } });
    const log = await rig.open();
    await fill(log);
    await log.close();
    const opened = await rig.open({ isClean: true, recoveryPoint: 43 });
    for (const sequence of [0, 1, 2]) await opened.append(sent(2, sequence), undefined);
    await opened.persistDerived();
    const files = await rig.snapshot();
    // Behind the snapshot and where recovery does not look; by their timestamps the new batches got a new segment.
    files.get(logName(43))!.writeUInt8(0xff, files.get(logName(43))!.length / 3 + 64);
    const damaged = await rig.copy(files);
    const refused = damaged.open({ isClean: true, recoveryPoint: 46 });
    await expect(refused).rejects.toMatchObject({ reason: "LOG_CORRUPT" });
    expect(damaged.env.producers.bytes).toBe(0);
  });
});

/** The snapshot file that a log of the first `count` batches of `fill` leaves. */
async function snapshotAt(count: number): Promise<[name: string, content: Buffer]> {
  const rig = new LogRig();
  const log = await rig.open();
  let left = count;
  const some = { append: async (batch: Buffer) => (left-- > 0 ? log.append(batch, undefined) : undefined) };
  await fill(some as unknown as PartitionLog);
  await log.close();
  const [name] = await snapshotsOf(rig);
  return [name!, await rig.bytes(name!)];
}
