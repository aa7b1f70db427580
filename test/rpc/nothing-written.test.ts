/** Batches that are refused, sent over gRPC to the real broker on a real disk: not a byte of them is there afterwards. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startBroker } from "../../src/embedded.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { messageToError } from "../../src/wire/index.ts";
import { craftBatch, craftRecord } from "../record/craft-batch.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { atEnd, batchOf, connect, log, type TestClient, topics } from "./harness.ts";

const BATCH_BYTES_MAX = 2_000;
const twoRecords = Buffer.concat([{}, {}].map(craftRecord));

const REFUSED: readonly (readonly [kind: string, batch: Buffer, reason: string])[] = [
  ["a wrong CRC", craftBatch({ crc: 1 }), "CHECKSUM_MISMATCH"],
  ["a count above the records", craftBatch({ recordCount: 4, lastOffsetDelta: 3 }), "INVALID_BATCH"],
  ["a count below the records", craftBatch({ recordCount: 2, lastOffsetDelta: 1 }), "INVALID_BATCH"],
  ["a last offset delta that is not the count's", craftBatch({ lastOffsetDelta: 7 }), "INVALID_BATCH"],
  ["a negative offset delta", craftBatch({ records: [{}, { offsetDelta: -1 }] }), "INVALID_BATCH"],
  ["a negative timestamp", craftBatch({ records: [{ timestampDelta: -1_001 }, {}] }), "INVALID_BATCH"],
  ["a byte behind the batch", Buffer.concat([craftBatch(), Buffer.alloc(1)]), "INVALID_BATCH"],
  [
    "a byte behind the records",
    craftBatch({ payload: Buffer.concat([twoRecords, Buffer.alloc(1)]) }),
    "INVALID_BATCH",
  ],
  ["a codec that is none", craftBatch({ attributes: 5 }), "UNSUPPORTED_COMPRESSION"],
  [
    "a varint cut short",
    craftBatch({ payload: Buffer.concat([twoRecords, Buffer.of(0x80)]) }),
    "INVALID_BATCH",
  ],
  ["too many bytes", craftBatch({ records: [{ value: "v".repeat(BATCH_BYTES_MAX) }] }), "BATCH_TOO_LARGE"],
];

/** Sends one batch and returns the base offset, or throws what it was refused with. */
type Send = (batch: Buffer) => Promise<number>;

function throughProduce(client: TestClient): Send {
  return async (batch) => {
    const { receipt } = await client.call(log.produce, { topic: "t", partition: 0, batch });
    return receipt!.baseOffset!;
  };
}

/** All through one stream, which goes on after each refusal. */
function throughPublish(client: TestClient): Send {
  const stream = client.stream(log.publish);
  atEnd(() => stream.call.end());
  return async (batch) => {
    stream.send({ topic: "t", partition: 0, batch });
    const { receipt, error } = (await stream.next())!;
    if (error != null) throw messageToError(error);
    return receipt!.baseOffset!;
  };
}

/** What the partition holds: its offsets as the broker tells them, and the bytes of its segments. */
async function contentOf(client: TestClient, dataDir: string) {
  const described = await client.call(topics.describeTopics, { names: ["t"] });
  const partition = described.topics![0]!.partitions![0]!;
  const folder = join(dataDir, "partitions", "t-0");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".log"));
  const bytes = await Promise.all(names.map((name) => readFile(join(folder, name), "hex")));
  return { partition, names, bytes };
}

describe("a refused batch leaves nothing behind, and the next good one follows the last", () => {
  it.each([
    ["Produce", throughProduce],
    ["Publish", throughPublish],
  ] as const)("sent with %s", async (_, through) => {
    const dataDir = await temporaryFolder();
    const broker = await startBroker({ dataDir });
    atEnd(() => broker.close());
    const client = connect(broker);
    const configs = { "max.message.bytes": String(BATCH_BYTES_MAX) };
    await client.call(topics.createTopic, { name: "t", partitionCount: 1, configs });
    const send = through(client);
    expect(await send(batchOf("first"))).toBe(0);
    for (const [index, [kind, batch, reason]] of REFUSED.entries()) {
      const before = await contentOf(client, dataDir);
      expect(before, kind).toMatchObject({
        partition: { highWatermark: index + 1, logEndOffset: index + 1 },
      });
      const refusal = await send(batch).catch((thrown: unknown) => MillraceError.from(thrown));
      expect(refusal, kind).toMatchObject({ reason, effect: "none" });
      expect(await contentOf(client, dataDir), kind).toEqual(before);
      expect(await send(batchOf(`after ${kind}`)), kind).toBe(index + 1);
    }
    const { bytes, partition } = await contentOf(client, dataDir);
    const good = ["first", ...REFUSED.map(([kind]) => `after ${kind}`)].map((value) => batchOf(value));
    expect(bytes.join("").length / 2).toBe(Buffer.concat(good).length);
    expect(partition.bytes).toBe(Buffer.concat(good).length);
  });
});
