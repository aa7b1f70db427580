import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError, type Reason } from "../../src/errors/index.ts";
import { TestCluster, valuesOf } from "./test-cluster.ts";

/** What happens at an append: refused with a reason, or its connection is cut before or after it. */
type Trouble = Reason | "cut before" | "cut after";

const trouble = fc.constantFrom<Trouble>(
  "cut before",
  "cut after",
  "OVERLOADED",
  "NOT_LEADER",
  "INVALID_BATCH",
  "INTERNAL",
);
const PARTITIONS = 2;

/** What this property has found: a batch overtaken by those it was to precede, a sequence used twice. */
const FOUND_ONCE: [[number, Trouble][]][] = [
  [
    [
      [17, "OVERLOADED"],
      [0, "INTERNAL"],
      [22, "cut before"],
    ],
  ],
  [
    [
      [2, "cut before"],
      [6, "NOT_LEADER"],
    ],
  ],
];

interface Sent {
  readonly value: string;
  readonly partition: number;
  readonly offset: number | undefined;
}

/** Produces numbered records under the troubles, by the number of the append, and tells what became of each. */
async function produceUnder(troubles: ReadonlyMap<number, Trouble>, records: number) {
  const cluster = await TestCluster.start();
  try {
    const client = await cluster.connect();
    await client.admin().createTopic({ name: "t", partitionCount: PARTITIONS });
    cluster.beforeAppend = ({ index }) => {
      const what = troubles.get(index);
      if (what === "cut before") cluster.proxy.cut();
      else if (what !== undefined && what !== "cut after") throw new MillraceError(what, "as planned");
    };
    cluster.afterAppend = ({ index }) => {
      if (troubles.get(index) === "cut after") cluster.proxy.cut();
    };
    const producer = client.producer({ batchBytes: 1_024, bufferBytes: 65_536 });
    const sent = await Promise.all(
      Array.from({ length: records }, async (_, number): Promise<Sent> => {
        const value = String(number).padStart(100, "0");
        const partition = number % PARTITIONS;
        const receipt = await producer.send("t", { value, partition }).catch(() => undefined);
        return { value, partition, offset: receipt?.offset };
      }),
    );
    cluster.beforeAppend = () => {};
    cluster.afterAppend = () => {};
    const stored = await Promise.all([0, 1].map((partition) => valuesOf(client, "t", partition)));
    return { sent, stored };
  } finally {
    await cluster.close();
  }
}

describe("an idempotent producer, whatever happens to its batches", () => {
  it("appends in order, nothing twice, and every acknowledged record where its receipt says", async () => {
    const plan = fc.array(fc.tuple(fc.nat({ max: 40 }), trouble), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(plan, async (troubles) => {
        const { sent, stored } = await produceUnder(new Map(troubles), 200);
        for (const [partition, values] of stored.entries()) {
          expect(values).toEqual([...new Set(values)].sort());
          const acknowledged = sent.filter(
            (each) => each.partition === partition && each.offset !== undefined,
          );
          for (const { value, offset } of acknowledged) expect(values[offset!]).toBe(value);
        }
        const canFail = troubles.some(([, what]) => what === "INVALID_BATCH" || what === "INTERNAL");
        if (!canFail) expect(sent.every(({ offset }) => offset !== undefined)).toBe(true);
      }),
      { numRuns: 10, examples: FOUND_ONCE },
    );
  });
});
