/** Missing, damaged and strange files of a partition folder: what is derived is rebuilt, the rest is told loudly. */
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import type { OpenLogOptions } from "../../src/log/index.ts";
import { batchOf, type ReadRecord, readAll, recordsIn } from "./batches.ts";
import { LogRig, logName } from "./log-rig.ts";

const BATCHES = 18;
const END = 2 * BATCHES;
const timestampOf = (offset: number): number => 5_000 + 10 * offset;

let whole: LogRig;
let written: ReadRecord[];
let files: ReadonlyMap<string, Buffer>;
/** Base offsets of the segments. */
let bases: number[];
/** As after a clean stop, and as after a crash right behind a checkpoint. */
let starts: Partial<OpenLogOptions>[];

beforeAll(async () => {
  whole = new LogRig({ config: { segmentBytes: 400, indexIntervalBytes: 50 } });
  const log = await whole.open();
  for (let i = 0; i < BATCHES; i++) {
    const timestampsMs = [timestampOf(2 * i), timestampOf(2 * i + 1)];
    await log.append(batchOf([`a${i}`, `b${i}`], { timestampsMs }), "durable");
  }
  written = await readAll(log);
  await log.close();
  files = await whole.snapshot();
  bases = [...files.keys()].filter((name) => name.endsWith(".log")).map((name) => Number(name.slice(0, 20)));
  expect(bases.length).toBe(4);
  starts = [
    { isClean: true, recoveryPoint: END },
    { isClean: false, recoveryPoint: END },
    { isClean: false, recoveryPoint: bases[3]! },
  ];
});

/** A rig over the files with changes; undefined removes one. */
async function rigWith(changes: Readonly<Record<string, Buffer | undefined>>): Promise<LogRig> {
  const changed = new Map(files);
  for (const [name, content] of Object.entries(changes)) {
    if (content === undefined) changed.delete(name);
    else changed.set(name, content);
  }
  return whole.copy(changed);
}

/** The log serves everything, by offset and by timestamp, takes more, and does so again after a clean stop. */
async function expectWhole(rig: LogRig, start: Partial<OpenLogOptions>): Promise<void> {
  const log = await rig.open(start);
  expect(await readAll(log, 150)).toEqual(written);
  for (let offset = 0; offset < written.length; offset++) {
    expect(await log.findByTimestamp(timestampOf(offset))).toMatchObject({ offset });
    const { chunks, nextOffset } = await log.read(offset, 1);
    expect(recordsIn(chunks, offset)).toEqual(written.slice(offset, nextOffset));
  }
  await log.append(batchOf(["more"], { timestampsMs: timestampOf(END) }), "durable");
  const after = await readAll(log);
  expect(after.length).toBe(written.length + 1);
  await log.close();
  const again = await rig.open({ isClean: true, recoveryPoint: after.length });
  expect(await readAll(again)).toEqual(after);
  expect(await again.findByTimestamp(timestampOf(20))).toMatchObject({ offset: 20 });
  expect(await again.findByTimestamp(timestampOf(END))).toMatchObject({ offset: END });
}

async function expectCorrupt(rig: LogRig, start: Partial<OpenLogOptions>, text: RegExp): Promise<void> {
  const before = await rig.snapshot();
  await expect(rig.open(start)).rejects.toMatchObject({
    reason: "LOG_CORRUPT",
    message: expect.stringMatching(text),
  });
  expect(await rig.snapshot()).toEqual(before);
}

const indexName = (base: number, suffix: string): string => logName(base).replace(".log", suffix);

describe("a log whose indexes", () => {
  it.each([".index", ".timeindex"])("(%s) are missing is whole", async (suffix) => {
    for (const start of starts) {
      for (const base of bases)
        await expectWhole(await rigWith({ [indexName(base, suffix)]: undefined }), start);
    }
  });

  it("are all missing is whole", async () => {
    const none = Object.fromEntries(
      [...files.keys()].filter((n) => n.endsWith("index")).map((n) => [n, undefined]),
    );
    for (const start of starts) await expectWhole(await rigWith(none), start);
  });

  it.each([".index", ".timeindex"])("(%s) are cut at any byte is whole", async (suffix) => {
    for (const start of starts) {
      for (const base of [bases[1]!, bases[3]!]) {
        const name = indexName(base, suffix);
        for (let bytes = 0; bytes < files.get(name)!.length; bytes++) {
          await expectWhole(await rigWith({ [name]: files.get(name)!.subarray(0, bytes) }), start);
        }
      }
    }
  });

  it.each([".index", ".timeindex"])("(%s) have any bit flipped is whole", async (suffix) => {
    for (const base of [bases[1]!, bases[3]!]) {
      const name = indexName(base, suffix);
      for (let bit = 0; bit < 8 * files.get(name)!.length; bit++) {
        const content = Buffer.from(files.get(name)!);
        content[bit >> 3]! ^= 1 << (bit & 7);
        await expectWhole(await rigWith({ [name]: content }), starts[bit % starts.length]!);
      }
    }
  });

  it.each([".index", ".timeindex"])(
    "(%s) hold anything, or those of another segment, is whole",
    async (suffix) => {
      const random = seededRandom(1);
      for (let round = 0; round < 30; round++) {
        const name = indexName(bases[round % 4]!, suffix);
        const length = round % 2 === 0 ? files.get(name)!.length : Math.floor(random.fraction() * 200);
        const content = Buffer.from(Array.from({ length }, () => Math.floor(random.fraction() * 256)));
        const isSwapped = round % 5 === 0;
        const other = files.get(indexName(bases[(round + 1) % 4]!, suffix))!;
        await expectWhole(
          await rigWith({ [name]: isSwapped ? other : content }),
          starts[round % starts.length]!,
        );
      }
    },
  );
});

describe("a log with a segment missing", () => {
  it("in the middle refuses to open", async () => {
    for (const start of starts) {
      for (const base of [bases[1]!, bases[2]!]) {
        await expectCorrupt(await rigWith({ [logName(base)]: undefined }), start, /missing or out of place/);
      }
    }
  });

  it("at its start refuses to open, unless the log starts behind it", async () => {
    const missing = { [logName(0)]: undefined };
    for (const start of starts) await expectCorrupt(await rigWith(missing), start, /a segment is missing/);
    const rig = await rigWith(missing);
    const log = await rig.open({ ...starts[0], logStartOffset: bases[1]! });
    expect(await readAll(log)).toEqual(written.slice(bases[1]));
  });

  it("at its end refuses to open if more was flushed than is there", async () => {
    const rig = await rigWith({ [logName(bases[3]!)]: undefined });
    for (const start of starts.slice(0, 2))
      await expectCorrupt(rig, start, /although everything (below offset \d+ )?was flushed/);
  });

  it("refuses to open when all of them are gone", async () => {
    const none = Object.fromEntries(bases.map((base) => [logName(base), undefined]));
    for (const start of starts) await expectCorrupt(await rigWith(none), start, /all segments are missing/);
    await expectCorrupt(await rigWith(none), { recoveryPoint: 0 }, /all segments are missing/);
  });

  it("emptied refuses to open", async () => {
    for (const base of bases) {
      const rig = await rigWith({ [logName(base)]: Buffer.alloc(0) });
      for (const start of starts.slice(0, 2)) await expectCorrupt(rig, start, /./);
    }
  });

  it("swapped for another refuses to open", async () => {
    const swapped = {
      [logName(bases[1]!)]: files.get(logName(bases[2]!)),
      [logName(bases[2]!)]: files.get(logName(bases[1]!)),
    };
    for (const start of starts) await expectCorrupt(await rigWith(swapped), start, /base offset/);
  });

  it("whose deletion was interrupted opens, whichever of the trimmed ones are left", async () => {
    for (let kept = 0; kept < 4; kept++) {
      const rig = await rigWith({
        [logName(bases[0]!)]: kept & 1 ? files.get(logName(bases[0]!)) : undefined,
        [logName(bases[1]!)]: kept & 2 ? files.get(logName(bases[1]!)) : undefined,
      });
      const log = await rig.open({ recoveryPoint: END, logStartOffset: bases[2]! + 1 });
      expect(await readAll(log)).toEqual(written.slice(bases[2]! + 1));
      expect((await rig.names()).filter((name) => name.endsWith(".log"))).toEqual(
        bases.slice(2).map(logName),
      );
    }
  });
});

describe("damage in a sealed segment", () => {
  it("leaves what lies before and behind it readable, and the log online", async () => {
    const content = Buffer.from(files.get(logName(bases[1]!))!);
    content[Math.floor(content.length / 2)]! ^= 4;
    const rig = await rigWith({ [logName(bases[1]!)]: content });
    const log = await rig.open(starts[0]!);
    const unreadable: number[] = [];
    for (let offset = 0; offset < END; offset++) {
      const read = await log.read(offset, 1).catch((error: unknown) => {
        expect(error).toMatchObject({ reason: "LOG_CORRUPT", details: { segment: logName(bases[1]!) } });
        unreadable.push(offset);
      });
      if (read) expect(recordsIn(read.chunks, offset)).toEqual(written.slice(offset, read.nextOffset));
    }
    // The batch of 14 and 15 is damaged. The way to 16 leads past it, as the index knows batches by their ends.
    expect(unreadable).toEqual([14, 15]);
    expect(log.failure).toBeUndefined();
    await log.append(batchOf(["more"]), "durable");
  });
});

describe("strange files", () => {
  it("are ignored and kept", async () => {
    const strange = {
      "notes.txt": Buffer.from("mine"),
      "1.log": Buffer.from("not a segment"),
      "00000000000000000001.log.bak": Buffer.from("a copy"),
      "99999999999999999999.log": Buffer.from("beyond all offsets"),
      ".lock": Buffer.alloc(0),
    };
    for (const start of starts) {
      const rig = await rigWith(strange);
      await rig.fs.makeDirectory(`${rig.folder}/00000000000000000003.log`);
      await rig.fs.makeDirectory(`${rig.folder}/folder`);
      await expectWhole(rig, start);
      for (const [name, content] of Object.entries(strange)) expect(await rig.bytes(name)).toEqual(content);
      expect(await rig.names()).toEqual(expect.arrayContaining(["folder", "00000000000000000003.log"]));
    }
  });

  it("of our own that a crash left are removed", async () => {
    const leftovers = [
      `${logName(0)}.deleted`,
      `${indexName(0, ".index")}.deleted`,
      "leader-epoch-checkpoint.tmp",
    ];
    const rig = await rigWith(Object.fromEntries(leftovers.map((name) => [name, Buffer.from("x")])));
    await expectWhole(rig, starts[1]!);
    expect(await rig.names()).toEqual(expect.not.arrayContaining(leftovers));
  });
});

describe("the leader epochs", () => {
  const damaged: readonly (string | undefined)[] = [
    undefined,
    "",
    "0\n",
    "0\n1\n",
    "0\n2\n0 0\n",
    "1\n1\n0 0\n",
    "0\n1\n0 0",
    "0\n1\n0 x\n",
  ];

  it.each(damaged)("are learned from the batches when their file is %j", async (text) => {
    for (const start of starts) {
      const rig = await rigWith({
        "leader-epoch-checkpoint": text === undefined ? undefined : Buffer.from(text),
      });
      await expectWhole(rig, start);
      expect(String(await rig.bytes("leader-epoch-checkpoint"))).toBe(`0\n2\n0 0\n1 ${END}\n`);
    }
  });

  it("refuse a batch of an earlier epoch behind a later one when they are learned", async () => {
    const content = Buffer.from(files.get(logName(bases[1]!))!);
    content.writeInt32BE(7, 12);
    const rig = await rigWith({ "leader-epoch-checkpoint": undefined, [logName(bases[1]!)]: content });
    await expectCorrupt(rig, { ...starts[0], leaderEpoch: 9 }, /leader epoch 0 after 7/);
  });

  it("refuse to open a log that was written under a later one than this broker's", async () => {
    const rig = await rigWith({ "leader-epoch-checkpoint": Buffer.from("0\n1\n5 0\n") });
    await expectCorrupt(rig, { leaderEpoch: 4 }, /leader epoch 5, this broker has only 4/);
  });
});
