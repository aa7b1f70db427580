/** What recovery does with the end of a log: torn at every byte, flipped in every header byte, above and below. */
import { beforeAll, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { batchOf, type ReadRecord, readAll, recordsIn } from "./batches.ts";
import { LogRig, logName } from "./log-rig.ts";

const HEADER_BYTES = 61;
/** Base offset, length, leader epoch, magic and CRC lie outside of what the CRC covers. */
const UNCHECKED_BYTES = 21;

const timestampOf = (offset: number): number => 1_000 + 10 * offset;

/** Three batches of three records; where they begin is the same in offsets (0, 3, 6) as in `starts` in bytes. */
let whole: LogRig;
let written: ReadRecord[];
let starts: number[];
let log: Buffer;

beforeAll(async () => {
  whole = new LogRig({ config: { indexIntervalBytes: 50 } });
  const opened = await whole.open();
  starts = [];
  for (let i = 0; i < 3; i++) {
    starts.push(opened.sizeBytes);
    const timestampsMs = [3 * i, 3 * i + 1, 3 * i + 2].map(timestampOf);
    await opened.append(batchOf([`a${i}`, `b${i}`, `c${i}`], { timestampsMs }), "durable");
  }
  written = await readAll(opened);
  await opened.close();
  log = await whole.bytes(logName(0));
});

/**
 * A rig whose .log has other bytes, with the indexes as they were or without any. Without the snapshot of producers
 * the batches that it covers are read at the start as well.
 */
async function rigWith(content: Buffer, hasIndexes: boolean, hasSnapshot = false): Promise<LogRig> {
  const files = new Map(await whole.snapshot());
  files.set(logName(0), content);
  for (const name of files.keys()) {
    const isGone = name.endsWith(".snapshot") ? !hasSnapshot : !hasIndexes && name.endsWith("index");
    if (isGone) files.delete(name);
  }
  return whole.copy(files);
}

/** Opens, compares, appends, rereads, and does so once more after a clean stop. */
async function expectCutTo(rig: LogRig, endOffset: number, recoveryPoint: number): Promise<void> {
  const opened = await rig.open({ recoveryPoint });
  expect(opened.highWatermark).toBe(endOffset);
  expect(await readAll(opened)).toEqual(written.slice(0, endOffset));
  const { baseOffset } = await opened.append(batchOf(["new", "newer"]), "durable");
  expect(baseOffset).toBe(endOffset);
  const after = await readAll(opened);
  expect(after.map(({ value }) => value)).toEqual([
    ...written.slice(0, endOffset).map(({ value }) => value),
    "new",
    "newer",
  ]);
  await opened.close();
  const again = await rig.open({ isClean: true, recoveryPoint: endOffset + 2 });
  expect(await readAll(again)).toEqual(after);
}

describe("a tail torn", () => {
  it.each(["cut off", "zeros", "other bytes"])(
    "at any byte of the last batch, the rest %s, is cut there",
    async (rest) => {
      for (let kept = 0; kept < log.length - starts[2]!; kept++) {
        const end = starts[2]! + kept;
        const content = Buffer.from(rest === "cut off" ? log.subarray(0, end) : log);
        if (rest === "zeros") content.fill(0, end);
        if (rest === "other bytes") content.fill(0xa5, end);
        if (content.equals(log)) continue; // the batch ends in zeros
        const rig = await rigWith(content, kept % 2 === 0);
        await expectCutTo(rig, 6, 3 * (kept % 3));
        const line = rig.line("cut the torn tail");
        if (content.length > starts[2]!) {
          expect(line?.fields).toMatchObject({ position: starts[2], cutBytes: content.length - starts[2]! });
        }
        expect((await rig.names()).filter((name) => name.endsWith(".torn"))).toEqual([]);
      }
    },
  );

  it("leaves a log of nothing if it was the first batch", async () => {
    for (const kept of [1, 12, 20, 60, 61, starts[1]! - 1]) {
      const rig = await rigWith(log.subarray(0, kept), false);
      await expectCutTo(rig, 0, 0);
    }
  });

  it("of zeros of any length is cut, however long", async () => {
    for (let zeros = 1; zeros <= 150; zeros++) {
      const rig = await rigWith(Buffer.concat([log, Buffer.alloc(zeros)]), zeros % 2 === 0);
      const opened = await rig.open({ recoveryPoint: 9 });
      expect(await readAll(opened)).toEqual(written);
      expect(rig.line("cut the torn tail")?.fields).toMatchObject({ cutBytes: zeros });
      expect((await rig.bytes(logName(0))).length).toBe(log.length);
    }
  });

  it("keeps a copy of what it cuts if whole batches lie in it", async () => {
    const content = Buffer.from(log);
    content[starts[1]! + 70]! ^= 1;
    const rig = await rigWith(content, true);
    await expectCutTo(rig, 3, 3);
    const copy = `${logName(0)}.${starts[1]}.torn`;
    expect(rig.line("cut the torn tail")?.fields).toMatchObject({ keptAs: copy });
    expect(await rig.bytes(copy)).toEqual(content.subarray(starts[1]!));
    expect(await rig.names()).toContain(copy);
  });

  it("does not search for ever in records made of batch headers, and keeps them", async () => {
    const bait = Buffer.alloc(700_000);
    for (let at = 0; at + HEADER_BYTES < bait.length; at += HEADER_BYTES) {
      bait.writeInt32BE(bait.length - at - 12, at + 8);
      bait[at + 16] = 2;
    }
    const rig = await rigWith(Buffer.concat([log, Buffer.from([1]), bait]), false);
    const opened = await rig.open({ recoveryPoint: 9 });
    expect(await readAll(opened)).toEqual(written);
    const copy = `${logName(0)}.${log.length}.torn`;
    expect((await rig.bytes(copy)).length).toBe(bait.length + 1);
  });
});

/** Every bit of a header that no CRC covers, and a bit of each other byte. */
function* headerFlips(): Generator<{ byte: number; content: Buffer }> {
  for (let byte = 0; byte < HEADER_BYTES; byte++) {
    for (let bit = 0; bit < (byte < UNCHECKED_BYTES ? 8 : 1); bit++) {
      const content = Buffer.from(log);
      content[starts[1]! + byte]! ^= 1 << (byte < UNCHECKED_BYTES ? bit : byte % 8);
      yield { byte, content };
    }
  }
}

describe("any header byte flipped", () => {
  it.each([true, false])(
    "above the recovery point is cut and counted (indexes there: %s)",
    async (hasIndexes) => {
      let flips = 0;
      for (const { byte, content } of headerFlips()) {
        const rig = await rigWith(content, hasIndexes);
        await expectCutTo(rig, 3, 3);
        const line = rig.line("cut the torn tail");
        const expected = { position: starts[1], cutBytes: log.length - starts[1]! };
        expect(line?.fields, `byte ${byte}`).toMatchObject(expected);
        flips++;
      }
      expect(flips).toBe(21 * 8 + 40);
    },
  );

  it.each([true, false])(
    "below it is LOG_CORRUPT, and nothing is cut (indexes there: %s)",
    async (hasIndexes) => {
      for (const { byte, content } of headerFlips()) {
        for (const options of [{ recoveryPoint: 6 }, { recoveryPoint: 9 }]) {
          const rig = await rigWith(content, hasIndexes);
          const before = await rig.snapshot();
          const opening = rig.open(options).then(
            () => undefined,
            (error: unknown) => error,
          );
          // The damage may lie before the last indexed batch below the recovery point: the scan begins earlier.
          const error = await opening;
          expect(error, `byte ${byte}`).toBeInstanceOf(MillraceError);
          expect(error).toMatchObject({ reason: "LOG_CORRUPT" });
          expect(await rig.snapshot()).toEqual(before);
        }
      }
    },
  );

  it("is never served: each offset and timestamp is found right or not at all", async () => {
    let refusals = 0;
    for (const { byte, content } of headerFlips()) {
      const rig = await rigWith(content, true, true);
      const opened = await rig.open({ recoveryPoint: 9, isClean: true }).catch(() => undefined);
      if (opened === undefined) continue;
      const unlessCorrupt = (error: unknown) => {
        expect(error, `byte ${byte}`).toMatchObject({ reason: "LOG_CORRUPT" });
        refusals++;
        return undefined;
      };
      for (let offset = 0; offset < 9; offset++) {
        for (const maxBytes of [1, 100, 1_000]) {
          const read = await opened.read(offset, maxBytes).catch(unlessCorrupt);
          if (read === undefined) continue;
          expect(read.nextOffset).toBeGreaterThan(offset);
          expect(recordsIn(read.chunks, offset), `byte ${byte}`).toEqual(
            written.slice(offset, read.nextOffset),
          );
        }
        const found = await opened.findByTimestamp(timestampOf(offset)).catch(unlessCorrupt);
        if (found !== undefined) expect(found, `byte ${byte}`).toMatchObject({ offset });
      }
    }
    expect(refusals).toBeGreaterThan(1_000);
  });
});
