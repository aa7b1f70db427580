import { expect, it } from "vitest";
import { type Client, connect, MillraceError } from "../../src/index.ts";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ROUNDS = 5;
const ROUND_MS = 400;
const STREAMS = ["a", "b", "c", "d"];
const WRITERS_PER_STREAM = 3;

/** What a stream was promised: the value of each revision. */
class Promises {
  readonly #values = new Map<number, string>();
  readonly problems: string[] = [];

  note(revision: number, value: string): void {
    const other = this.#values.get(revision);
    if (other !== undefined) this.problems.push(`revision ${revision} was given to ${other} and to ${value}`);
    this.#values.set(revision, value);
  }

  check(values: readonly string[]): void {
    if (new Set(values).size !== values.length) this.problems.push("an event is there twice");
    for (const [revision, value] of this.#values) {
      if (values[revision] !== value) {
        this.problems.push(`revision ${revision} is ${values[revision]}, promised was ${value}`);
      }
    }
  }

  get count(): number {
    return this.#values.size;
  }
}

/** Appends with the exact revision, again and again, until told to stop. */
async function write(
  client: Client,
  stream: string,
  name: string,
  promises: Promises,
  isOver: () => boolean,
) {
  const streams = client.streams("orders");
  let last: number | undefined;
  for (let i = 0; !isOver(); i++) {
    const value = `${name}-${i}`;
    try {
      const done = await streams.tryAppend(stream, [{ type: "t", value }], {
        expected: last ?? "none",
        missedMax: 1,
      });
      if (done.outcome === "appended") promises.note(done.firstRevision, value);
      last = done.outcome === "appended" ? done.lastRevision : done.actualRevision;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      last = undefined;
    }
  }
}

async function valuesOf(client: Client, stream: string): Promise<string[]> {
  const values: string[] = [];
  for await (const { revision, value } of client.streams("orders").read(stream)) {
    expect(revision).toBe(values.length);
    values.push(String(value));
  }
  return values;
}

it("streams keep every revision that they gave, whenever their broker is killed", async () => {
  const dataDir = await temporaryFolder();
  const promised = new Map(STREAMS.map((stream) => [stream, new Promises()]));
  for (let round = 0; round <= ROUNDS; round++) {
    const broker = await BrokerProcess.start({ dataDir });
    const client = await connect({ brokers: broker.endpoint, timeoutMs: 1_000 });
    if (round === 0) {
      const configs = { "stream.index": "true", "segment.bytes": "20000" };
      await client.admin().createTopic({ name: "orders", partitionCount: 2, configs });
    }
    for (const [stream, promises] of promised) promises.check(await valuesOf(client, stream));
    if (round < ROUNDS) {
      let isOver = false;
      const writers = STREAMS.flatMap((stream) =>
        Array.from({ length: WRITERS_PER_STREAM }, (_, number) =>
          write(client, stream, `${round}-${number}`, promised.get(stream)!, () => isOver),
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS * (0.5 + Math.random())));
      await broker.kill();
      isOver = true;
      await Promise.all(writers);
    }
    await client.close();
    await broker.kill();
  }
  expect([...promised.values()].flatMap(({ problems }) => problems)).toEqual([]);
  expect([...promised.values()].every(({ count }) => count > ROUNDS)).toBe(true);
}, 120_000);
