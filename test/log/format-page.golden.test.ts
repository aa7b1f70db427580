/** The examples of FORMAT.md held against files that the log writes. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { readPartitionMetadata, writeCheckpoint, writePartitionMetadata } from "../../src/log/index.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/log/producer-snapshot.ts";
import { BATCH_HEADER_BYTES, readBatchHeader } from "../../src/record/index.ts";
import { batchOf } from "./batches.ts";
import { LogRig } from "./log-rig.ts";

const page = readFileSync(new URL("../../src/log/FORMAT.md", import.meta.url), "utf8");

/** The text of the code block that follows a phrase. */
function blockAfter(phrase: string): string {
  const from = page.indexOf("```\n", page.indexOf(phrase));
  return page.slice(from + 4, page.indexOf("```", from + 4));
}

/** The lines of a drawing: position, bytes, explanation. */
function drawingAfter(phrase: string) {
  const lines = [...blockAfter(phrase).matchAll(/^ ?(\d+) {2}((?:[0-9a-f]{2} )+) *(\S.*)$/gm)];
  return lines.map(([, position, bytes, text]) => ({
    position: Number(position),
    bytes: Buffer.from(bytes!.replaceAll(" ", ""), "hex"),
    text: text!,
  }));
}

/** The log of the example: one large batch, then the three of segment 100, then one that rolls. */
const rig = new LogRig({ config: { segmentBytes: 400, indexIntervalBytes: 0 } });

beforeAll(async () => {
  const log = await rig.open();
  const append = (values: readonly string[], timestampsMs: readonly number[]) =>
    log.append(batchOf(values, { timestampsMs }), undefined);
  await append(Array(100).fill("v"), Array(100).fill(1_000));
  await append(["a", "b"], [2_000, 1_000]);
  await append(["c"], [1_500]);
  await append(["d", "e", "f"], [3_000, 3_500, 4_000]);
  await append(["g".repeat(200)], [5_000]);
  await log.close();
});

describe("FORMAT.md", () => {
  it("describes the batches of its example", async () => {
    const log = await rig.bytes("00000000000000000100.log");
    const rows = [...page.matchAll(/^\| \d \| (\d+) \| (\d+) \| (\d+)(?:–(\d+))? \| (\d+) \|$/gm)];
    let position = 0;
    for (const [, at, bytes, first, last = first, timestampMs] of rows) {
      const header = readBatchHeader(log, position);
      expect([position, header.sizeInBytes]).toEqual([Number(at), Number(bytes)]);
      expect(header.baseOffset).toBe(Number(first));
      expect(header.baseOffset + header.lastOffsetDelta).toBe(Number(last));
      expect(header.maxTimestampMs).toBe(Number(timestampMs));
      position += header.sizeInBytes;
    }
    expect(position).toBe(log.length);
    expect(log.length).toBeGreaterThan(3 * BATCH_HEADER_BYTES);
  });

  it.each([
    ["### `<base>.index`", "00000000000000000100.index", [4, 4]],
    ["### `<base>.timeindex`", "00000000000000000100.timeindex", [8, 4]],
  ] as const)("draws under %s the bytes of the file", async (heading, name, sizes) => {
    const lines = drawingAfter(heading);
    expect(Buffer.concat(lines.map(({ bytes }) => bytes))).toEqual(await rig.bytes(name));
    let position = 0;
    for (const [number, line] of lines.entries()) {
      expect(line.position).toBe(position);
      expect(line.bytes.length).toBe(sizes[number % 2]);
      expect(line.text).toContain(
        String(line.bytes.length === 8 ? line.bytes.readBigInt64BE() : line.bytes.readInt32BE()),
      );
      position += line.bytes.length;
    }
  });

  it("draws the bytes of a snapshot of producers, which a program in another language made", () => {
    const lines = drawingAfter("### `<offset>.snapshot`");
    const bytes = Buffer.concat(lines.map((line) => line.bytes));
    const batches = [
      { firstSequence: 0, lastSequence: 2, baseOffset: 100, timestampMs: 4_000 },
      { firstSequence: 3, lastSequence: 3, baseOffset: 106, timestampMs: 5_000 },
    ];
    const producers = new Map([[4_000, { epoch: 1, lastUsedMs: 1_700_000_000_000, batches }]]);
    const snapshot = { offset: 107, leaderEpoch: 3, producers };
    expect(encodeSnapshot(snapshot).toString("hex")).toBe(bytes.toString("hex"));
    expect(decodeSnapshot(bytes)).toEqual(snapshot);
    let position = 0;
    for (const line of lines) {
      expect(line.position).toBe(position);
      position += line.bytes.length;
    }
  });

  it("shows the checkpoints as they are written", async () => {
    const cases = [
      [
        "`leader-epoch-checkpoint`: leader epoch",
        [
          [0, 0],
          [3, 106],
        ],
      ],
      [
        "`recovery-point-offset-checkpoint`, `log-start-offset-checkpoint` and `cleaner-offset-checkpoint`: topic",
        [["orders", 0, 106]],
      ],
      ["`clean-shutdown`: the leader epoch", [[3]]],
    ] as const;
    for (const [phrase, rows] of cases) {
      await writeCheckpoint(rig.fs, rig.folder, "example", rows);
      expect(blockAfter(phrase), phrase).toBe(String(await rig.bytes("example")));
    }
  });

  it("shows partition.metadata as it is written", async () => {
    const id = "0123456789abcdef0123456789abcdef";
    expect(page).toContain(id);
    await writePartitionMetadata(rig.fs, rig.folder, id);
    expect(blockAfter("### `partition.metadata`")).toBe(String(await rig.bytes("partition.metadata")));
    expect(await readPartitionMetadata(rig.fs, rig.folder)).toBe(id);
  });

  it("names every kind of file that the log makes", async () => {
    const kinds = [
      ".log",
      ".index",
      ".timeindex",
      ".snapshot",
      "leader-epoch-checkpoint",
      "partition.metadata",
    ];
    for (const name of await rig.names()) {
      const isKnown = kinds.some((kind) => name.endsWith(kind)) || name === "example";
      expect(isKnown, name).toBe(true);
    }
    for (const kind of [...kinds, ".deleted", ".torn", ".tmp"]) expect(page).toContain(kind);
  });
});
