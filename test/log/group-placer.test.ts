import { describe, expect, it } from "vitest";
import type { MillraceError } from "../../src/errors/index.ts";
import { GroupPlacer, type Pending } from "../../src/log/group-placer.ts";
import { LogState } from "../../src/log/log-state.ts";
import { ProducerState } from "../../src/log/producer-state.ts";
import { Segment } from "../../src/log/segment.ts";
import { type LogConfig, LruBudget } from "../../src/log/index.ts";
import { readBatchHeader } from "../../src/record/index.ts";
import { batchOf } from "./batches.ts";
import { LogRig, QUIET_CONFIG } from "./log-rig.ts";

function setUp(config: Partial<LogConfig> = {}) {
  const { env, folder } = new LogRig();
  const segment = new Segment(env, folder, 0, () => 4_096);
  const state = new LogState("orders-0", folder, [segment], 0, 0);
  const refused: MillraceError[] = [];
  const placer = new GroupPlacer({
    env,
    state,
    producers: new ProducerState(new LruBudget(1_000_000), 86_400_000),
    leaderEpoch: 3,
    config: () => ({ ...QUIET_CONFIG, ...config }),
  });
  const pending = (batch: Buffer, recordCount = readBatchHeader(batch).recordCount): Pending => ({
    batch,
    header: { ...readBatchHeader(batch), recordCount, lastOffsetDelta: recordCount - 1 },
    durability: "durable",
    condition: undefined,
    resolve: () => undefined,
    reject: (error) => refused.push(error),
  });
  return { placer, pending, segment, state, refused };
}

describe("a group", () => {
  it("holds at most 512 batches and 1 MiB", () => {
    const { placer, pending, segment } = setUp({ segmentBytes: 2 ** 30 });
    const small = Array.from({ length: 600 }, () => pending(batchOf(["a"])));
    expect(placer.place(small, segment)).toMatchObject({ taken: 512, placed: { length: 512 } });
    const large = Array.from({ length: 5 }, () => pending(batchOf(["x".repeat(400_000)])));
    expect(placer.place(large, segment).taken).toBe(2);
  });

  it("takes a batch that is larger than a group alone, wherever in the segment it comes", () => {
    const { placer, pending, segment } = setUp({ segmentBytes: 2 ** 30, batchBytesMax: 3 * 1_048_576 });
    segment.sizeBytes = 100;
    const queue = Array.from({ length: 2 }, () => pending(batchOf(["x".repeat(2_500_000)])));
    expect(placer.place(queue, segment).taken).toBe(1);
  });

  it("ends where the segment is full, and an empty segment takes any batch", () => {
    const size = batchOf(["a"]).length;
    const { placer, pending, segment } = setUp({ segmentBytes: 2 * size });
    const queue = Array.from({ length: 5 }, () => pending(batchOf(["a"])));
    expect(placer.place(queue, segment).taken).toBe(2);
    segment.sizeBytes = size;
    expect(placer.place(queue, segment).taken).toBe(1);
    segment.sizeBytes = 2 * size;
    expect(placer.place(queue, segment).taken).toBe(0);
    segment.sizeBytes = 0;
    expect(placer.place([pending(batchOf(["x".repeat(500)]))], segment).taken).toBe(1);
  });

  it("ends where an offset would be 2^31 or more above the segment's base, which no index could hold", () => {
    const { placer, pending, segment, state } = setUp();
    const huge = () => pending(batchOf(["a"]), 2 ** 30 - 1);
    expect(placer.place([huge(), huge(), huge()], segment)).toMatchObject({ taken: 2 });
    segment.sizeBytes = 100;
    state.logEndOffset = 2 ** 31 - 2;
    expect(placer.place([pending(batchOf(["a"])), pending(batchOf(["b"]))], segment).taken).toBe(1);
  });

  it("stamps offsets and leader epoch, gives duplicates their first offset and refuses gaps", () => {
    const { placer, pending, segment, refused } = setUp();
    const from = (baseSequence: number) => ({ producer: { producerId: 9, producerEpoch: 0, baseSequence } });
    const batches = [from(0), from(0), from(5), from(2)].map((producer) => batchOf(["a", "b"], producer));
    const { placed, taken } = placer.place(
      batches.map((batch) => pending(batch)),
      segment,
    );
    expect(taken).toBe(4);
    expect(placed.map(({ baseOffset, duplicate }) => [baseOffset, duplicate])).toEqual([
      [0, false],
      [0, true],
      [2, false],
    ]);
    expect(refused.map(({ reason }) => reason)).toEqual(["OUT_OF_ORDER_SEQUENCE"]);
    expect(readBatchHeader(batches[3]!)).toMatchObject({ baseOffset: 2, leaderEpoch: 3 });
  });
});
