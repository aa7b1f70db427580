import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { LevelMetadataStore, StoreFailedError, StoreLockedError } from "../../src/metadata/index.ts";

let folder: string;
let children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-metadata-"));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children = [];
  await rm(folder, { recursive: true });
});

const newStore = (path = folder) => new LevelMetadataStore({ path, random: seededRandom(1) });

interface Acknowledged {
  readonly epoch: number;
  readonly first: number;
  readonly name: string;
  readonly clusterId: string;
}

/** Starts a process that puts; returns what it acknowledged, killed after `count` of that. */
async function killedAfter(count: number, whileAlive: () => Promise<void>): Promise<Acknowledged[]> {
  const script = fileURLToPath(new URL("./killed-store.ts", import.meta.url));
  const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const closed = once(child, "close");
  const acknowledged: Acknowledged[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.endsWith("}")) continue;
    acknowledged.push(JSON.parse(line) as Acknowledged);
    if (acknowledged.length !== count) continue;
    await whileAlive();
    child.kill("SIGKILL");
  }
  await closed;
  return acknowledged;
}

describe("a killed process", () => {
  it("held the lock until then, frees it, and leaves all that it acknowledged", async () => {
    const acknowledged = await killedAfter(25, async () => {
      const error = await newStore()
        .open()
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreLockedError);
      expect((error as StoreLockedError).path).toBe(folder);
    });
    expect(acknowledged.length).toBeGreaterThanOrEqual(25);
    const last = acknowledged.at(-1)!;
    const store = newStore();
    await store.open();
    const names = (await store.loadTopics()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(acknowledged.map(({ name }) => name)));
    expect(store.clusterId).toBe(last.clusterId);
    expect(await store.nextBrokerEpoch()).toBeGreaterThan(last.epoch);
    expect((await store.allocateProducerIds()).first).toBeGreaterThan(last.first);
    await store.close();
  }, 30_000);
});

/** A small disk of its own, if this machine lets us mount one. */
function mountSmallDisk(path: string): boolean {
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", path]);
  if (mounted.status !== 0) console.info("skipped: no permission to mount a small tmpfs");
  return mounted.status === 0;
}

describe("a full disk", () => {
  it("refuses a put, loses none before or after it, and takes puts again when there is space", async (test) => {
    const disk = join(folder, "disk");
    await mkdir(disk);
    if (!mountSmallDisk(disk)) return test.skip();
    try {
      await fillAndResume(disk);
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});

async function fillAndResume(disk: string): Promise<void> {
  const topic = (name: string, size = 10_000) => ({
    name,
    topicId: "0".repeat(32),
    state: "active" as const,
    partitionCount: 1,
    configs: { padding: "x".repeat(size) },
    createdAtMs: 0,
  });
  await writeFile(join(disk, "ballast"), Buffer.alloc(120_000));
  const store = newStore(join(disk, "metadata"));
  await store.open();
  const stored: string[] = [];
  let refusal: unknown;
  for (let i = 0; i < 60 && refusal === undefined; i++) {
    await store.putTopic(topic(`before-${i}`), undefined).then(
      () => stored.push(`before-${i}`),
      (thrown: unknown) => {
        refusal = thrown;
      },
    );
  }
  expect(refusal).toBeInstanceOf(StoreFailedError);
  expect(refusal).toMatchObject({ isOutOfSpace: true });
  await unlink(join(disk, "ballast"));
  for (const name of ["after-1", "after-2"]) {
    await store.putTopic(topic(name, 10), undefined);
    stored.push(name);
  }
  await store.close();
  const reopened = newStore(join(disk, "metadata"));
  await reopened.open();
  const names = (await reopened.loadTopics()).map(({ name }) => name);
  await reopened.close();
  expect(names).toEqual(expect.arrayContaining(stored));
}
