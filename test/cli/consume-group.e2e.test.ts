import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../src/index.ts";
import { BrokerProcess, MILLRACE } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const PARTITIONS = 3;
const RECORDS = 3_000;

/** `millrace consume` in a process of its own. */
class Consumer {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exited: Promise<number | string>;
  stdout = "";
  stderr = "";

  constructor(endpoint: string, args: readonly string[]) {
    const words = [
      MILLRACE,
      "consume",
      "jobs",
      "-g",
      "workers",
      "-f",
      "%p/%o",
      ...args,
      "--broker",
      endpoint,
    ];
    this.child = spawn(process.execPath, words);
    onTestFinished(() => void this.child.kill("SIGKILL"));
    this.child.stdout.on("data", (chunk: Buffer) => (this.stdout += chunk));
    this.child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk));
    this.exited = once(this.child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  }

  /** The offsets printed, by partition, in their order; a line that a kill cut off does not count. */
  offsets(): number[][] {
    const lines = this.stdout
      .slice(0, this.stdout.lastIndexOf("\n") + 1)
      .split("\n")
      .slice(0, -1);
    const places = lines.map((line) => line.split("/").map(Number) as [number, number]);
    return Array.from({ length: PARTITIONS }, (_, partition) =>
      places.filter(([of]) => of === partition).map(([, offset]) => offset),
    );
  }
}

it("a consumer that is killed and started again, twice, loses no record", async () => {
  const broker = await BrokerProcess.start({ dataDir: await temporaryFolder() });
  const client = await connect({ brokers: broker.endpoint });
  try {
    const admin = client.admin();
    await admin.createTopic({ name: "jobs", partitionCount: PARTITIONS });
    const producer = client.producer();
    const produce = async (count: number) => {
      for (let number = 0; number < count; number++) {
        producer.write("jobs", { partition: number % PARTITIONS, value: `${number}` });
      }
      await producer.flush();
    };
    const committed = async () =>
      (await admin.committedOffsets("workers")).map(({ committed: commit }) => commit?.offset ?? 0);
    const sum = (offsets: readonly number[]) => offsets.reduce((total, offset) => total + offset, 0);

    await produce(RECORDS);
    const killed: Consumer[] = [];
    for (const round of [1, 2]) {
      const consumer = new Consumer(broker.endpoint, ["--instance", "w1", "--session-timeout", "5s"]);
      killed.push(consumer);
      // Something of this round is committed, and more is printed and not committed.
      while (sum(await committed()) < round * RECORDS) await new Promise((done) => setTimeout(done, 20));
      const printedBytes = consumer.stdout.length;
      await produce(RECORDS);
      while (consumer.stdout.length === printedBytes) await once(consumer.child.stdout, "data");
      consumer.child.kill("SIGKILL");
      expect(await consumer.exited).toBe("SIGKILL");
    }
    const last = new Consumer(broker.endpoint, ["--instance", "w1", "-e"]);
    expect(await last.exited, last.stderr).toBe(0);

    const printed = [...killed, last].map((consumer) => consumer.offsets());
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const runs = printed.map((offsets) => offsets[partition]!);
      for (const offsets of runs) {
        expect(offsets).toEqual(offsets.map((_, index) => offsets[0]! + index)); // in order, without gaps
      }
      expect(new Set(runs.flat()).size).toBe(RECORDS);
      expect(runs[2]!.at(-1)).toBe(RECORDS - 1);
    }
    expect(await committed()).toEqual(Array(PARTITIONS).fill(RECORDS));
  } finally {
    await client.close();
    await broker.stop();
  }
});
