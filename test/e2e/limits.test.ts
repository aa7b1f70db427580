import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Client, connect, MillraceError } from "../../src/index.ts";
import { BrokerProcess, type BrokerProcessOptions } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Most resident memory of a broker with ten thousand partitions, at any time. */
const WIDE_BYTES_MAX = 512 * 1_048_576;

/** Checks the most memory that a broker ever had resident; only Linux tells. */
async function expectMemoryBelow(bytesMax: number, { child }: BrokerProcess): Promise<void> {
  if (process.platform !== "linux") return;
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  expect(Number(peak) * 1_024).toBeLessThan(bytesMax);
}

async function start(options: BrokerProcessOptions): Promise<{ broker: BrokerProcess; client: Client }> {
  const broker = await BrokerProcess.start(options);
  onTestFinished(() => broker.kill());
  const client = await connect({ brokers: broker.endpoint, timeoutMs: 120_000 });
  onTestFinished(() => client.close());
  return { broker, client };
}

describe("a broker that cannot start says why", () => {
  it("when another one has the data folder", async () => {
    const dataDir = await temporaryFolder();
    const { broker } = await start({ dataDir });
    const second = BrokerProcess.start({ dataDir });
    await expect(second).rejects.toThrow(`in use by process ${broker.child.pid}`);
  });

  it("when another process listens on the port", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const broker = BrokerProcess.start({ dataDir: await temporaryFolder(), port });
    await expect(broker).rejects.toThrow(`127.0.0.1:${port}`);
  });

  it.skipIf(process.getuid?.() !== 0)(
    "when it may not write the data folder (needs root, to be somebody else)",
    async () => {
      const dataDir = join(await temporaryFolder(), "data");
      await mkdir(dataDir, { mode: 0o700 });
      const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
      await expect(BrokerProcess.start({ dataDir, under: nobody })).rejects.toThrow(/cannot be used|EACCES/);
    },
  );
});

it("a broker killed with SIGKILL leaves the data folder free for the next", async () => {
  const dataDir = await temporaryFolder();
  const { broker } = await start({ dataDir });
  await broker.kill();
  await start({ dataDir });
});

it("ten thousand partitions are created, written to, and there after a kill", async () => {
  const dataDir = await temporaryFolder();
  const { broker, client } = await start({ dataDir });
  await client.admin().createTopic({ name: "wide", partitionCount: 10_000 });
  const producer = client.producer();
  const sends = Array.from({ length: 500 }, (_, i) =>
    producer.send("wide", { value: `v${i}`, partition: i * 20 }),
  );
  await Promise.all(sends);
  await client.close();
  await expectMemoryBelow(WIDE_BYTES_MAX, broker);
  await broker.kill();
  const again = await start({ dataDir });
  const topic = await again.client.admin().describeTopic("wide");
  expect(topic.partitions).toHaveLength(10_000);
  expect(topic.partitions.filter(({ highWatermark }) => highWatermark === 1)).toHaveLength(500);
  await expectMemoryBelow(WIDE_BYTES_MAX, again.broker);
  await expect(
    again.client.admin().createTopic({ name: "wider", partitionCount: 10_001 }),
  ).rejects.toMatchObject({
    reason: "INVALID_REQUEST",
  });
}, 240_000);

it("too few file descriptors refuse work and cost nothing that was acknowledged", async () => {
  const dataDir = await temporaryFolder();
  const under = ["sh", "-c", 'ulimit -n 80; exec "$@"', "sh"];
  const { broker, client } = await start({ dataDir, under });
  await client
    .admin()
    .createTopic({ name: "many", partitionCount: 200, configs: { "flush.mode": "written" } });
  const producer = client.producer({ deliveryTimeoutMs: 2_000 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 200 }, (_, partition) =>
      producer.send("many", { value: `v${partition}`, partition }),
    ),
  );
  const kept = outcomes.flatMap((outcome, partition) => (outcome.status === "fulfilled" ? [partition] : []));
  const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  expect(kept.length).toBeGreaterThan(10);
  expect(reasons.length).toBeGreaterThan(0);
  for (const reason of reasons)
    expect(MillraceError.from(reason).reason).toMatch(/OVERLOADED|DEADLINE_EXCEEDED/);
  await client.close();
  await broker.kill();
  const again = await start({ dataDir });
  const reader = again.client.reader();
  await reader.assign([{ topic: "many" }]);
  const read: number[] = [];
  for await (const { partition, offset, value } of reader.records({ stopAtEnd: true })) {
    expect({ partition, offset, value: String(value) }).toEqual({
      partition,
      offset: 0,
      value: `v${partition}`,
    });
    read.push(partition);
  }
  // What was refused for want of descriptors may have come through in the end; nothing is promised of it.
  expect(read).toEqual(expect.arrayContaining(kept));
}, 120_000);
