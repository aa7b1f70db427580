/** What a log knows of producers after a restart: from a snapshot, from the batches, from both, and never from lies. */
import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import type { PartitionLog } from "../../src/log/index.ts";
import { batchOf } from "./batches.ts";
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

  it("from 8 MiB on a snapshot is taken with each checkpoint, and two are kept", async () => {
    const rig = new LogRig({ config: { segmentBytes: 2 ** 30 } });
    const log = await rig.open();
    let sequence = 0;
    for (let taken = 0; taken < 3; taken++) {
      for (let i = 0; i < 8; i++) await log.append(sent(1, sequence++, LARGE), undefined);
      await log.persistDerived();
      expect(await snapshotsOf(rig)).toHaveLength(Math.min(taken, 2));
      await log.append(sent(1, sequence++, LARGE), undefined);
      await log.persistDerived();
      expect(await snapshotsOf(rig)).toHaveLength(Math.min(taken + 1, 2));
    }
    expect(await snapshotsOf(rig)).toEqual([
      "00000000000000000018.snapshot",
      "00000000000000000027.snapshot",
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
