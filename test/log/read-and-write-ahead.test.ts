/** The two ends of a cleaning: files read ahead in pieces that overlap by what is left over, and written behind. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { ReadAhead } from "../../src/log/compaction/read-ahead.ts";
import { WriteBehind } from "../../src/log/compaction/write-behind.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";

const MIB = 1_048_576;

/** Bytes of which no two stretches are alike. */
function noise(bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) content.writeInt32LE(Math.imul(at, 0x9e37_79b1), at);
  return content;
}

const readerOf =
  (content: Buffer) => async (target: Uint8Array, at: number, length: number, position: number) => {
    await Promise.resolve();
    return content.copy(target, at, position, position + length);
  };

describe("reading ahead", () => {
  it.each([0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])(
    "shows all %i bytes in order, what was left over once more",
    async (size) => {
      const content = noise(size);
      const ahead = new ReadAhead();
      const random = seededRandom(size);
      for (let round = 0; round < 3; round++) {
        const parts: Buffer[] = [];
        const end = await ahead.run(readerOf(content), size, async (bytes, position) => {
          expect(bytes.equals(content.subarray(position, position + bytes.length))).toBe(true);
          const isLast = position + bytes.length === size;
          const taken = isLast ? bytes.length : Math.floor(bytes.length * random.fraction());
          parts.push(Buffer.from(bytes.subarray(0, taken)));
          await turn();
          return taken;
        });
        expect(end).toBe(size);
        expect(Buffer.concat(parts).equals(content)).toBe(true);
      }
    },
  );

  it("ends where the consumer wants no more, cannot go on, or fails", async () => {
    const content = noise(3 * MIB);
    const ahead = new ReadAhead();
    expect(await ahead.run(readerOf(content), content.length, async () => undefined)).toBe(0);
    let calls = 0;
    const stuck = async () => {
      calls++;
      return 0;
    };
    expect(await ahead.run(readerOf(content), content.length, stuck)).toBe(0);
    expect(calls).toBe(4);
    const failing = async () => {
      throw new Error("no");
    };
    await expect(ahead.run(readerOf(content), content.length, failing)).rejects.toThrow("no");
  });

  it("throws what a read throws, and leaves nothing under way", async () => {
    const content = noise(3 * MIB);
    const ahead = new ReadAhead();
    let under = 0;
    const read = async (target: Uint8Array, at: number, length: number, position: number) => {
      under++;
      await turn();
      under--;
      if (position >= 2 * MIB) throw new Error("bad sector");
      return content.copy(target, at, position, position + length);
    };
    const all = async (bytes: Buffer) => bytes.length;
    await expect(ahead.run(read, content.length, all)).rejects.toThrow("bad sector");
    expect(under).toBe(0);
  });
});

describe("writing behind", () => {
  async function fileWith(plan: FaultPlan) {
    const fs = new FaultyFileSystem(new MemoryFileSystem(), plan);
    return { fs, file: await fs.open("f", "create") };
  }

  it("writes everything in order, and flushes it", async () => {
    const plan = new FaultPlan();
    const { fs, file } = await fileWith(plan);
    const writes = new WriteBehind(file, "f");
    const random = seededRandom(2);
    const parts: Buffer[] = [];
    for (let i = 0; i < 60; i++) {
      const part = Buffer.alloc(Math.floor(random.fraction() * 700_000), i);
      part.copy(writes.reserve(part.length));
      parts.push(part);
      await writes.flush();
    }
    await writes.finish();
    const content = Buffer.concat(parts);
    expect((await fs.readFile("f", 100 * MIB)).equals(content)).toBe(true);
    const operations = plan.operations.slice(0, -1); // the last was to look at the file
    expect(operations.at(-1)!.name).toBe("datasync");
    expect(operations.filter(({ name }) => name === "datasync").length).toBeGreaterThan(
      content.length / 10 / MIB,
    );
  });

  it("takes a batch that is larger than its buffers", async () => {
    const { fs, file } = await fileWith(new FaultPlan());
    const writes = new WriteBehind(file, "f");
    for (const bytes of [10, 3 * MIB, 10]) writes.reserve(bytes).fill("b");
    await writes.finish();
    expect((await fs.readFile("f", 100 * MIB)).equals(Buffer.alloc(3 * MIB + 20, "b"))).toBe(true);
  });

  it("lets its caller wait while the disk is slow and much has been gathered", async () => {
    const gate = closedGate();
    const plan = new FaultPlan().when("write", () => true, { action: "wait", until: gate.opened });
    const { file } = await fileWith(plan);
    const writes = new WriteBehind(file, "f");
    const flushes = [];
    for (let i = 0; i < 11; i++) {
      writes.reserve(MIB).fill(i);
      flushes.push(watch(writes.flush()));
    }
    await turn();
    // The last buffer is not full yet, and eight may wait.
    expect(flushes.map(({ state }) => state).lastIndexOf("resolved")).toBe(8);
    expect(flushes.map(({ state }) => state).indexOf("pending")).toBe(9);
    gate.open();
    await writes.finish();
    await turn();
    expect(flushes.every(({ state }) => state === "resolved")).toBe(true);
  });

  it.each(["write", "datasync"] as const)(
    "throws a failed %s at the next call, and writes nothing more",
    async (name) => {
      const plan = new FaultPlan().when(name, () => true, { action: "fail", code: "EIO" }, 1);
      const { file } = await fileWith(plan);
      const writes = new WriteBehind(file, "f");
      const go = async () => {
        for (let i = 0; i < 30; i++) {
          writes.reserve(MIB).fill(i);
          await writes.flush();
          await turn();
        }
        await writes.finish();
      };
      await expect(go()).rejects.toMatchObject({ code: "EIO" });
      const count = plan.operations.length;
      writes.reserve(2 * MIB);
      await expect(writes.finish()).rejects.toMatchObject({ code: "EIO" });
      await writes.settled();
      expect(plan.operations.length).toBe(count);
    },
  );
});
