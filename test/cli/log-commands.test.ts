import { beforeAll, describe, expect, it } from "vitest";
import { systemRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import {
  type FileHandle,
  type FileSystem,
  FileSystemError,
  MemoryFileSystem,
  type OpenMode,
} from "../../src/fs/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { BatchBuilder, type Compression } from "../../src/record/index.ts";
import { type CliResult, runCli } from "./run-cli.ts";

const PARTITION = "/data/partitions/orders-0";
const FIRST = `${PARTITION}/00000000000000000000.log`;
const FILE_BYTES_MAX = 10_000_000;

function batchOf(values: readonly string[], compression: Compression, timestampMs: number): Buffer {
  const builder = new BatchBuilder({ bytesMax: 1_000_000, compression });
  for (const value of values) builder.append("key", value, timestampMs);
  return Buffer.from(builder.build());
}

/** A data folder that the real broker wrote and closed: three batches a segment, an index entry for nearly every one. */
async function writtenByBroker(batches: number): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  const metadata = new MemoryMetadataStore(systemRandom);
  const broker = await Broker.open({ fs, metadata, dataDir: "/data" });
  const configs = { "segment.bytes": "1024", "index.interval.bytes": "1" };
  await broker.createTopic({ name: "orders", partitionCount: 1, configs });
  for (let number = 0; number < batches; number++) {
    const values = [`${number}`.repeat(40), "b".repeat(200)];
    const compression = number % 2 === 0 ? "none" : "gzip";
    await broker.produce("orders", 0, batchOf(values, compression, 1_000 + number), undefined);
  }
  await broker.close();
  return fs;
}

async function copyOf(fs: FileSystem, change: (path: string, content: Buffer) => Buffer | undefined) {
  const copy = new MemoryFileSystem();
  const visit = async (folder: string): Promise<void> => {
    await copy.makeDirectory(folder);
    for (const { name, kind } of await fs.list(folder)) {
      const path = `${folder}/${name}`;
      if (kind === "directory") {
        await visit(path);
        continue;
      }
      const content = change(path, await fs.readFile(path, FILE_BYTES_MAX));
      if (content === undefined) continue;
      const file = await copy.open(path, "create");
      if (content.length > 0) await file.write([content], 0);
      await file.close();
    }
  };
  await visit("/data");
  return copy;
}

/** A copy in which one file is changed; undefined leaves it out. */
function withFile(fs: FileSystem, file: string, change: (content: Buffer) => Buffer | undefined) {
  return copyOf(fs, (path, content) => (path === file ? change(content) : content));
}

interface FoundFault {
  readonly severity: string;
  readonly file: string;
  readonly position?: number;
  readonly fault: string;
}

async function verify(fs: FileSystem, path = "/data"): Promise<CliResult & { faults: FoundFault[] }> {
  const result = await runCli(["log", "verify", path, "-o", "json"], { fs });
  const faults = result.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as FoundFault);
  return { ...result, faults };
}

let intact: MemoryFileSystem;
let log: Buffer;
/** Where the batches of the first segment begin. */
let starts: number[];

beforeAll(async () => {
  intact = await writtenByBroker(9);
  log = await intact.readFile(FIRST, FILE_BYTES_MAX);
  starts = [];
  for (let at = 0; at < log.length; at += log.readInt32BE(at + 8) + 12) starts.push(at);
  expect(starts.length).toBeGreaterThanOrEqual(3);
});

describe("log verify", () => {
  it("finds nothing in what a broker wrote", async () => {
    const { exitCode, faults, stderr } = await verify(intact);
    expect({ exitCode, faults }).toEqual({ exitCode: 0, faults: [] });
    expect(stderr).toMatch(/^1 partition, \d segments, 9 batches, 18 records, .*: nothing is damaged\n$/);
    for (const path of ["/data/", "/data/partitions", PARTITION, FIRST, FIRST.replace(".log", ".index")]) {
      expect(await verify(intact, path), path).toMatchObject({ exitCode: 0, faults: [] });
    }
  });

  it("tells file and position of a batch, whichever of its bytes is flipped", async () => {
    const [, second, third] = starts as [number, number, number];
    for (let at = second; at < third; at++) {
      const damaged = await withFile(intact, FIRST, (content) => {
        content[at] = content[at]! ^ 0x5a;
        return content;
      });
      const { exitCode, faults } = await verify(damaged, PARTITION);
      const inLog = faults.filter(({ file }) => file === FIRST);
      expect({ at, exitCode, positions: inLog.map(({ position }) => position) }).toEqual({
        at,
        exitCode: 1,
        positions: [second],
      });
    }
  });

  it("tells every bad batch, not just the first", async () => {
    const damaged = await withFile(intact, FIRST, (content) => {
      for (const start of starts) content[start + 70] = content[start + 70]! ^ 1;
      return content;
    });
    const { exitCode, faults } = await verify(damaged);
    expect(exitCode).toBe(1);
    expect(faults.filter(({ file }) => file === FIRST)).toEqual(
      starts.map((position) => expect.objectContaining({ severity: "damage", position, fault: "bad-crc" })),
    );
  });

  it("goes on at the next batch after bytes that are none", async () => {
    const junk = Buffer.alloc(3_000_000, 7);
    const damaged = await withFile(intact, FIRST, (content) =>
      Buffer.concat([content.subarray(0, starts[1]), junk, content.subarray(starts[1])]),
    );
    const { exitCode, faults, stderr } = await verify(damaged, FIRST);
    expect(exitCode).toBe(1);
    const inLog = faults.filter(({ file }) => file === FIRST);
    expect(inLog).toMatchObject([{ position: starts[1], fault: "bad-size" }]);
    expect(stderr).toContain(`${starts.length} batches`);
  });

  it("sees a torn tail at every byte of the last batch, and that flushed records are missing", async () => {
    const names = (await intact.list(PARTITION))
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".log"));
    const last = `${PARTITION}/${names.at(-1)}`;
    const content = await intact.readFile(last, FILE_BYTES_MAX);
    let start = 0;
    for (let at = 0; at < content.length; at += content.readInt32BE(at + 8) + 12) start = at;
    for (let length = start; length < content.length; length++) {
      const torn = await withFile(intact, last, (whole) => whole.subarray(0, length));
      const { exitCode, faults } = await verify(torn);
      const found = faults.filter(({ file }) => file === last).map(({ fault }) => fault);
      expect({ length, exitCode, found }).toEqual({
        length,
        exitCode: 1,
        found: length === start ? ["records-missing"] : ["torn-tail", "records-missing"],
      });
    }
  });

  it("tells any flipped byte of an index, and where", async () => {
    for (const [suffix, entryBytes] of [
      [".index", 8],
      [".timeindex", 12],
    ] as const) {
      const path = FIRST.replace(".log", suffix);
      const bytes = (await intact.readFile(path, FILE_BYTES_MAX)).length;
      expect(bytes).toBeGreaterThan(entryBytes);
      for (let at = 0; at < bytes; at++) {
        const damaged = await withFile(intact, path, (content) => {
          content[at] = content[at]! ^ 0x10;
          return content;
        });
        const { exitCode, faults } = await verify(damaged);
        expect({ suffix, at, exitCode }).toEqual({ suffix, at, exitCode: 1 });
        expect(faults.every(({ file, fault }) => file === path && fault === "bad-index")).toBe(true);
      }
      const short = await withFile(intact, path, (content) => content.subarray(0, -1));
      expect((await verify(short)).faults).toMatchObject([
        { file: path, position: bytes - entryBytes, fault: "bad-index" },
      ]);
    }
  });

  it("takes a missing index for a notice: the broker builds it anew", async () => {
    const path = FIRST.replace(".log", ".index");
    const without = await withFile(intact, path, () => undefined);
    expect(await verify(without)).toMatchObject({
      exitCode: 0,
      faults: [{ severity: "notice", file: path, fault: "index-missing" }],
    });
  });

  it("misses a segment in the middle, and the first one", async () => {
    const names = (await intact.list(PARTITION))
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".log"));
    const middle = await withFile(intact, `${PARTITION}/${names[1]}`, () => undefined);
    expect(await verify(middle)).toMatchObject({
      exitCode: 1,
      faults: [{ file: `${PARTITION}/${names[2]}`, fault: "segment-gap" }],
    });
    const first = await withFile(intact, FIRST, () => undefined);
    expect(await verify(first)).toMatchObject({ exitCode: 1, faults: [{ fault: "segment-gap" }] });
  });

  it("takes what an interrupted deletion left below the log start for a notice", async () => {
    const names = (await intact.list(PARTITION))
      .map(({ name }) => name)
      .filter((name) => name.endsWith(".log"));
    const [first, gone, kept] = names.map((name) => `${PARTITION}/${name}`);
    const start = Number(names[2]!.slice(0, 20)) + 1;
    const trimmed = await copyOf(intact, (path, content) => (path === gone ? undefined : content));
    const checkpoint = await trimmed.open(
      "/data/partitions/log-start-offset-checkpoint",
      "read-write-or-create",
    );
    await checkpoint.truncate(0);
    await checkpoint.write([Buffer.from(`0\n1\norders 0 ${start}\n`)], 0);
    expect(await verify(trimmed)).toMatchObject({
      exitCode: 0,
      faults: [{ severity: "notice", file: first, fault: "leftover" }],
    });
    const without = await copyOf(trimmed, (path, content) => (path === kept ? undefined : content));
    expect(await verify(without)).toMatchObject({ exitCode: 1 });
  });

  it("does not search for ever in records made of batch headers", async () => {
    const bait = Buffer.alloc(700_000);
    for (let at = 1; at + 61 < bait.length; at += 61) {
      bait.writeInt32BE(bait.length - at - 12, at + 8);
      bait[at + 16] = 2;
    }
    const damaged = await withFile(intact, FIRST, (content) => Buffer.concat([content, bait]));
    const { exitCode, faults } = await verify(damaged, FIRST);
    expect(exitCode).toBe(1);
    const inLog = faults.find(({ file }) => file === FIRST);
    expect(inLog).toMatchObject({
      position: log.length,
      problem: expect.stringContaining("what follows was not searched"),
    });
  });

  it("checks the checkpoints and leaves strange files alone", async () => {
    for (const [file, fault] of [
      [`${PARTITION}/leader-epoch-checkpoint`, "bad-checkpoint"],
      [`${PARTITION}/partition.metadata`, "bad-metadata"],
      ["/data/partitions/recovery-point-offset-checkpoint", "bad-checkpoint"],
    ] as const) {
      const damaged = await withFile(intact, file, () => Buffer.from("what?\n"));
      expect(await verify(damaged), file).toMatchObject({ exitCode: 1, faults: [{ file, fault }] });
    }
    const file = `${PARTITION}/leader-epoch-checkpoint`;
    const unordered = await withFile(intact, file, () => Buffer.from("0\n2\n1 0\n0 9\n"));
    expect(await verify(unordered)).toMatchObject({
      exitCode: 1,
      faults: [{ file, fault: "bad-checkpoint" }],
    });
    const strange = await copyOf(intact, (_path, content) => content);
    for (const path of [`${PARTITION}/notes.txt`, `${PARTITION}/1.log`, "/data/partitions/x.deleted"]) {
      await (await strange.open(path, "create")).close();
    }
    expect(await verify(strange)).toMatchObject({ exitCode: 0, faults: [] });
  });

  it("writes nothing", async () => {
    const readOnly: FileSystem = new Proxy<FileSystem>(intact, {
      get(target, name) {
        if (["makeDirectory", "rename", "remove", "syncDirectory"].includes(String(name))) {
          throw new Error(`${String(name)} was called`);
        }
        if (name !== "open") return Reflect.get(target, name).bind(target);
        return (path: string, mode: OpenMode): Promise<FileHandle> => {
          if (mode !== "read") throw new Error(`${path} was opened to ${mode}`);
          return target.open(path, mode);
        };
      },
    });
    expect(await verify(readOnly)).toMatchObject({ exitCode: 0, faults: [] });
  });

  it("says so where there is nothing to verify", async () => {
    const fs = new MemoryFileSystem();
    await fs.makeDirectory("/empty");
    expect(await verify(fs, "/nowhere")).toMatchObject({ exitCode: 3 });
    expect(await verify(fs, "/empty")).toMatchObject({ exitCode: 2 });
  });

  it("fails where a file cannot be read, naming it", async () => {
    const broken: FileSystem = new Proxy<FileSystem>(intact, {
      get(target, name) {
        if (name !== "open") return Reflect.get(target, name).bind(target);
        return async (path: string) => {
          throw new FileSystemError("EACCES", "open", path);
        };
      },
    });
    const { exitCode, stderr } = await verify(broken);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `error: cannot open ${FIRST}: permission denied; run as a user who may, or change the permissions [EACCES]\n`,
    );
  });
});

describe("log dump", () => {
  const lines = (result: CliResult) =>
    result.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it("shows every batch and record in their order", async () => {
    const result = await runCli(["log", "dump", PARTITION, "--records", "-o", "json"], { fs: intact });
    expect(result.exitCode).toBe(0);
    const items = lines(result);
    const batches = items.filter(({ kind }) => kind === "batch");
    expect(batches.map(({ baseOffset }) => baseOffset)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16]);
    expect(batches[1]).toMatchObject({
      file: FIRST,
      position: starts[1],
      lastOffset: 3,
      recordCount: 2,
      compression: "gzip",
      leaderEpoch: 0,
      maxTimestampMs: 1_001,
    });
    const records = items.filter(({ kind }) => kind === "record");
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 18 }, (_, index) => index));
    expect(records[2]).toEqual({
      kind: "record",
      offset: 2,
      timestamp: 1_001,
      key: "key",
      value: "1".repeat(40),
      headers: [],
    });
  });

  it("stops after the lines asked for, and shows damage in its place", async () => {
    const damaged = await withFile(intact, FIRST, (content) => {
      content[starts[1]! + 70] = content[starts[1]! + 70]! ^ 1;
      return content;
    });
    const two = await runCli(["log", "dump", FIRST, "-n", "2", "-o", "json"], { fs: damaged });
    expect(lines(two)).toMatchObject([
      { kind: "batch", position: 0 },
      { kind: "damage", position: starts[1], bytes: starts[2]! - starts[1]!, fault: "bad-crc" },
    ]);
    expect(two.exitCode).toBe(1);
    const text = await runCli(["log", "dump", FIRST], { fs: damaged });
    expect(text.stdout).toMatch(new RegExp(`^${FIRST}\nposition 0 {2}offsets 0 to 1 {2}records 2 `));
    expect(text.stdout).toContain(`\nposition ${starts[1]}  DAMAGED `);
  });

  it("shows the entries of an index", async () => {
    const index = await runCli(["log", "dump", FIRST.replace(".log", ".index"), "-o", "json"], {
      fs: intact,
    });
    expect(lines(index)[0]).toMatchObject({ kind: "offset-index", lastOffset: 3, position: starts[1] });
    const times = await runCli(["log", "dump", FIRST.replace(".log", ".timeindex")], { fs: intact });
    expect(times.stdout).toContain("up to offset 3  1970-01-01T00:00:01.001Z (1001)\n");
  });
});
