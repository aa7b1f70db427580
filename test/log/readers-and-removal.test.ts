/** Readers that are under way while segments are deleted or replaced: they finish, go over, or are told the bounds. */
import { beforeEach, describe, expect, it } from "vitest";
import { type FaultPlan, FaultPlan as Plan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import type { PartitionLog } from "../../src/log/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { settled, turn } from "../support/turns.ts";
import { clean, COMPACTED, keyed, keyedBatch, keyedIn, readKeyed, seal, textOf } from "./compaction-rig.ts";
import { LogRig, logsOf } from "./log-rig.ts";

const BATCHES = 12;

interface Scene {
  readonly plan: FaultPlan;
  readonly rig: LogRig;
  readonly log: PartitionLog;
  /** What was appended, by offset. */
  readonly appended: readonly string[];
}

/** A log of several segments whose files are closed, so that a reader has to open them. */
async function scene(openFilesMax: number): Promise<Scene> {
  const plan = new Plan();
  const fs = new FaultyFileSystem(new MemoryFileSystem(), plan);
  const rig = new LogRig({
    fs,
    openFilesMax,
    indexCacheBytes: 0,
    config: { ...COMPACTED, segmentBytes: 400 },
  });
  const log = await rig.open();
  for (let i = 0; i < BATCHES; i++) {
    await log.append(
      keyedBatch(keyed("a=1", `b${i % 2}=${i}`).map((r) => ({ ...r, timestampMs: i }))),
      undefined,
    );
  }
  const appended = (await readKeyed(log)).map(textOf);
  expect(new Set(appended).size).toBe(2 * BATCHES);
  return { plan, rig, log, appended };
}

/** Runs work again and again, each time held up at another of its operations while something else is done. */
async function heldUpAtEach(
  prepare: () => Promise<Scene>,
  work: (scene: Scene) => Promise<void>,
  meanwhile: (scene: Scene) => Promise<void>,
): Promise<number> {
  for (let held = 0; ; held++) {
    const current = await prepare();
    const gate = closedGate();
    const number = current.plan.operations.length + held;
    current.plan.at(number, { action: "wait", until: gate.opened });
    const working = work(current);
    const watched = watch(working);
    await turn();
    const isHeld = current.plan.operations.length > number && watched.state === "pending";
    let done = Promise.resolve();
    if (isHeld) {
      done = meanwhile(current);
      // Nobody who only reads may hold up the log for long; a file that is being opened must keep its name so long.
      if (current.plan.operations[number]!.name !== "open") await settled(done, "the log");
      await turn();
    }
    gate.open();
    await settled(working, "the reader");
    await settled(done, "the log");
    if (!isHeld) return held;
  }
}

const RANGE = { reason: "OFFSET_OUT_OF_RANGE", details: { log_start_offset: "20", high_watermark: "24" } };

describe.each([100, 1])("a reader (%i files may be open)", (openFilesMax) => {
  let heldUp: number;

  beforeEach(() => {
    heldUp = 0;
  });

  it("of a segment that is deleted finishes, or is told the bounds of the log", async () => {
    for (let offset = 0; offset < 20; offset += 3) {
      const read = async ({ log, appended }: Scene) => {
        try {
          const { chunks, nextOffset } = await log.read(offset, 200);
          const found = keyedIn(chunks).map(textOf);
          expect(appended).toEqual(expect.arrayContaining(found));
          expect(nextOffset).toBeGreaterThan(offset);
        } catch (error) {
          expect(error).toMatchObject(RANGE);
        }
      };
      heldUp += await heldUpAtEach(
        () => scene(openFilesMax),
        read,
        async ({ log }) => expect(await log.trim(20)).toBe(20),
      );
    }
    expect(heldUp).toBeGreaterThan(10);
  });

  it("of a segment that is compacted reads the old one or the new, from every offset", async () => {
    for (let offset = 0; offset < 2 * BATCHES; offset += 2) {
      const read = async ({ log, appended }: Scene) => {
        const { chunks, nextOffset } = await log.read(offset, 200);
        const found = keyedIn(chunks);
        expect(appended).toEqual(expect.arrayContaining(found.map(textOf)));
        const newest = (await readKeyed(log)).map(textOf);
        const wanted = newest.filter((_, index) => {
          const { offset: at } = parse(newest[index]!);
          return at >= offset && at < nextOffset;
        });
        expect(found.map(textOf)).toEqual(expect.arrayContaining(wanted));
      };
      heldUp += await heldUpAtEach(
        () => scene(openFilesMax),
        read,
        async ({ log }) => void (await clean(log)),
      );
    }
    expect(heldUp).toBeGreaterThan(10);
  });

  it("that looks for a timestamp finds a record that late, whatever is compacted meanwhile", async () => {
    for (let timestampMs = 0; timestampMs < BATCHES; timestampMs++) {
      const find = async ({ log, appended }: Scene) => {
        const found = await log.findByTimestamp(timestampMs);
        expect(found!.timestampMs).toBeGreaterThanOrEqual(timestampMs);
        expect(found!.offset).toBeLessThan(appended.length);
      };
      heldUp += await heldUpAtEach(
        () => scene(openFilesMax),
        find,
        async ({ log }) => void (await clean(log)),
      );
    }
    expect(heldUp).toBeGreaterThan(10);
  });

  it("reads the same from every offset at every step of a cleaning", async () => {
    heldUp += await heldUpAtEach(
      () => scene(openFilesMax),
      async ({ log }) => void (await clean(log)),
      async ({ log, appended, plan }) => {
        const newest = ["20:a=1", "21:b0=10", "22:a=1", "23:b1=11"];
        expect(plan.operations.length).toBeGreaterThan(0);
        for (let from = 0; from < appended.length; from++) {
          const found = (await readKeyed(log, from, 300)).map(textOf);
          expect(appended).toEqual(expect.arrayContaining(found));
          const wanted = newest.filter((text) => parse(text).offset >= from);
          expect(found).toEqual(expect.arrayContaining(wanted));
        }
      },
    );
    expect(heldUp).toBeGreaterThan(10);
  });
});

describe("a reader that goes on where it left off", () => {
  it("in a segment that is replaced between its two reads of a large batch finds it in the new one", async () => {
    const plan = new Plan();
    const fs = new FaultyFileSystem(new MemoryFileSystem(), plan);
    const rig = new LogRig({ fs, config: { ...COMPACTED, segmentBytes: 2_000 } });
    const log = await rig.open();
    const long = "x".repeat(500);
    // Two segments, which become one.
    for (const text of [
      `a=${long}`,
      `b=${long}`,
      `c=${long}`,
      "a=2",
      "b=2",
      "c=2",
      `d=${long}`,
      `e=${long}`,
    ]) {
      await log.append(keyedBatch(keyed(text)), undefined);
    }
    await seal(rig, log);
    const [first, second] = await logsOf(rig);
    const offset = Number(second!.slice(0, 20));
    expect((await log.read(offset, 1)).nextOffset).toBe(offset + 1);

    const rename = closedGate();
    plan.when("rename", (path) => path.endsWith(first!), { action: "wait", until: rename.opened }, 1);
    const cleaning = clean(log);
    await turn();
    const read = closedGate();
    plan.when("read", (path) => path.endsWith(second!), { action: "wait", until: read.opened }, 1);
    const reading = log.read(offset + 1, 1); // of the header alone; what follows is read when its size is known
    await turn();
    rename.open();
    expect(await cleaning).toMatchObject({ removedRecords: 3 });
    read.open();
    expect(keyedIn((await reading).chunks).map(({ key }) => key)).toEqual(["e"]);
    expect(await logsOf(rig)).not.toContain(second);
  });
});

function parse(text: string): { readonly offset: number } {
  return { offset: Number(text.split(":")[0]) };
}
