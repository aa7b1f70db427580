import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import {
  parseCount,
  readCheckpoint,
  readPartitionMetadata,
  writeCheckpoint,
  writePartitionMetadata,
} from "../../src/log/index.ts";

async function write(fs: MemoryFileSystem, name: string, text: string): Promise<void> {
  const file = await fs.open(name, "read-write-or-create");
  await file.truncate(0);
  if (text.length > 0) await file.write([Buffer.from(text)], 0);
}

describe("a checkpoint", () => {
  it("reads what was written", async () => {
    const fs = new MemoryFileSystem();
    for (const rows of [
      [],
      [["orders", 0, 5]],
      [
        ["a.b-c_1", 7, 2 ** 53 - 1],
        ["x", 9_999, 0],
      ],
    ]) {
      await writeCheckpoint(fs, "", "checkpoint", rows);
      expect(await readCheckpoint(fs, "", "checkpoint", 3)).toEqual(rows.map((row) => row.map(String)));
    }
    expect((await fs.list("")).map(({ name }) => name)).toEqual(["checkpoint"]);
  });

  it("that is missing is undefined, and one that is not whole is damaged", async () => {
    const fs = new MemoryFileSystem();
    expect(await readCheckpoint(fs, "", "checkpoint", 3)).toBeUndefined();
    const whole = "0\n2\na 0 1\nb 1 22\n";
    for (let length = 0; length < whole.length; length++) {
      await write(fs, "checkpoint", whole.slice(0, length));
      expect(await readCheckpoint(fs, "", "checkpoint", 3), `${length} bytes`).toBe("damaged");
    }
    for (const text of [
      `${whole}c 2 3\n`,
      "1\n0\n",
      "0\n1\na 0\n",
      "0\n1\na 0 1 2\n",
      "0\n-1\n",
      "\0".repeat(20),
    ]) {
      await write(fs, "checkpoint", text);
      expect(await readCheckpoint(fs, "", "checkpoint", 3), text).toBe("damaged");
    }
  });

  it("keeps its old content when it cannot be replaced, and a left-over temporary file does not matter", async () => {
    const fs = new MemoryFileSystem();
    await writeCheckpoint(fs, "", "checkpoint", [["old"]]);
    for (const operation of ["write", "datasync", "rename"] as const) {
      const faults = new FaultPlan().when(operation, () => true, { action: "fail", code: "ENOSPC" });
      await expect(
        writeCheckpoint(new FaultyFileSystem(fs, faults), "", "checkpoint", [["new"]]),
      ).rejects.toMatchObject({
        code: "ENOSPC",
      });
      expect(await readCheckpoint(fs, "", "checkpoint", 1)).toEqual([["old"]]);
    }
    const short = new FaultPlan().when("write", () => true, { action: "short", bytes: 3 }, 2);
    await writeCheckpoint(new FaultyFileSystem(fs, short), "", "checkpoint", [["newer"]]);
    expect(await readCheckpoint(fs, "", "checkpoint", 1)).toEqual([["newer"]]);
  });

  it("takes only counts for numbers", () => {
    expect(["0", "12", "9007199254740991"].map(parseCount)).toEqual([0, 12, 9_007_199_254_740_991]);
    for (const text of [
      undefined,
      "",
      "-1",
      "1.5",
      "1e3",
      " 1",
      "0x1",
      "9007199254740992",
      "99999999999999999",
    ]) {
      expect(parseCount(text)).toBeUndefined();
    }
  });
});

describe("partition.metadata", () => {
  const id = "0123456789abcdef0123456789abcdef";

  it("reads the id that was written, and nothing from what is no such file", async () => {
    const fs = new MemoryFileSystem();
    expect(await readPartitionMetadata(fs, "")).toBeUndefined();
    await writePartitionMetadata(fs, "", id);
    expect(await readPartitionMetadata(fs, "")).toBe(id);
    for (const text of [
      "",
      "version: 0\n",
      "version: 1\ntopic_id: ASNFZ4mrze8BI0VniavN7w\n",
      "version: 0\ntopic_id: short\n",
    ]) {
      await write(fs, "partition.metadata", text);
      expect(await readPartitionMetadata(fs, "")).toBeUndefined();
    }
  });
});
