import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Client, connect, MillraceError } from "../../src/index.ts";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const MIB = 1_048_576;
const TOPIC = "t";

/** Whether this machine lets us mount a small file system of our own. */
function canMount(): boolean {
  return (
    process.getuid?.() === 0 &&
    spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0
  );
}

/** Whether this machine lets us make system calls of our own processes fail. */
function canInject(): boolean {
  const words = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"];
  return spawnSync("strace", words).status === 0;
}

async function smallDisk(bytes: number): Promise<string> {
  const folder = await temporaryFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "none", folder]);
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  return folder;
}

async function startOn(dataDir: string): Promise<{ broker: BrokerProcess; client: Client }> {
  const broker = await BrokerProcess.start({ dataDir });
  onTestFinished(() => broker.kill());
  const client = await connect({ brokers: broker.endpoint });
  onTestFinished(() => client.close());
  return { broker, client };
}

/** Sends one record and returns its offset, or the reason why not. */
async function sendOnce(client: Client, value: string): Promise<number | string> {
  const producer = client.producer({ deliveryTimeoutMs: 5_000, idempotent: false });
  try {
    return (await producer.send(TOPIC, { value })).offset;
  } catch (error) {
    return reasonBehind(error);
  } finally {
    await producer.close();
  }
}

/** The producer retries what may pass until its time is over; what it met is the first cause. */
function reasonBehind(error: unknown): string {
  let failure = MillraceError.from(error);
  while (failure.cause instanceof MillraceError) failure = failure.cause;
  return failure.reason;
}

async function readValues(client: Client): Promise<Map<number, string>> {
  const reader = client.reader();
  await reader.assign([{ topic: TOPIC, from: "start" }]);
  const values = new Map<number, string>();
  for await (const record of reader.records({ stopAtEnd: true }))
    values.set(record.offset, String(record.value));
  await reader.close();
  return values;
}

function expectKept(values: ReadonlyMap<number, string>, acknowledged: ReadonlyMap<number, string>): void {
  for (const [offset, value] of acknowledged)
    expect(values.get(offset) === value, `offset ${offset}`).toBe(true);
}

describe.skipIf(!canMount())("on a small disk of its own (needs root and mount)", () => {
  it("a full disk refuses writes, serves reads, and takes writes again when there is space", async () => {
    const folder = await smallDisk(24 * MIB);
    await writeFile(join(folder, "ballast"), Buffer.alloc(8 * MIB));
    const { broker, client } = await startOn(join(folder, "data"));
    await client.admin().createTopic({ name: TOPIC });
    const acknowledged = new Map<number, string>();
    let refusal: number | string = "";
    for (let i = 0; i < 200 && refusal === ""; i++) {
      const value = `${i} ${"x".repeat(300_000)}`;
      const outcome = await sendOnce(client, value);
      if (typeof outcome === "number") acknowledged.set(outcome, value);
      else refusal = outcome;
    }
    expect(refusal).toBe("STORAGE_FULL");
    expect(acknowledged.size).toBeGreaterThan(10);
    expectKept(await readValues(client), acknowledged);

    await rm(join(folder, "ballast"));
    const late = await sendOnce(client, "late");
    expect(late).toBe(acknowledged.size);
    acknowledged.set(late as number, "late");
    await client.close();
    await broker.kill();

    const again = await startOn(join(folder, "data"));
    expectKept(await readValues(again.client), acknowledged);
  }, 120_000);
});

describe.skipIf(!canInject())("with system calls that fail (needs strace)", () => {
  it("a failed flush takes the partition offline until restart and loses nothing acknowledged", async () => {
    const dataDir = await temporaryFolder();
    const { broker, client } = await startOn(dataDir);
    await client.admin().createTopic({ name: TOPIC });
    const acknowledged = new Map<number, string>();
    for (let i = 0; i < 20; i++)
      acknowledged.set((await sendOnce(client, `before ${i}`)) as number, `before ${i}`);

    const words = [
      "-f",
      "-p",
      String(broker.child.pid),
      "-e",
      "trace=fdatasync",
      "-e",
      "inject=fdatasync:error=EIO",
    ];
    const strace = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
    await once(strace.stderr, "data"); // "Process … attached"
    expect(await sendOnce(client, "lost?")).toBe("STORAGE_OFFLINE");
    strace.kill("SIGINT");
    await once(strace, "exit");

    // The disk works again, but what it kept of the failed flush is unknown: nothing is acknowledged.
    expect(await sendOnce(client, "after")).toBe("STORAGE_OFFLINE");
    const topic = await client.admin().describeTopic(TOPIC);
    expect(topic.partitions[0]?.offlineReason).toBe("STORAGE_OFFLINE");
    expectKept(await readValues(client), acknowledged);
    await client.close();
    await broker.stop();

    const again = await startOn(dataDir);
    acknowledged.set((await sendOnce(again.client, "recovered")) as number, "recovered");
    expectKept(await readValues(again.client), acknowledged);
  }, 120_000);
});

it("tells which disk faults this machine lets us make", () => {
  if (!canMount()) console.log("skipped: a real full disk (needs root and mount)");
  if (!canInject()) console.log("skipped: a real failed fdatasync (needs strace and ptrace)");
  expect(true).toBe(true);
});
