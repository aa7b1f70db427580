import { getEventListeners } from "node:events";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ReadRoom } from "../../src/broker/types.ts";
import { waitingFetch } from "../../src/broker/waiting-fetch.ts";
import { MillraceError } from "../../src/errors/index.ts";
import type { PartitionLog } from "../../src/log/index.ts";
import { batchOf } from "../log/batches.ts";
import { LogRig } from "../log/log-rig.ts";

const value = "x".repeat(10_000);

describe("a fetch that waits", () => {
  let rig: LogRig;
  let log: PartitionLog;
  const fetch = (minBytes: number, signal?: AbortSignal, room?: ReadRoom) =>
    waitingFetch(
      rig.clock,
      [{ position: { topic: "orders", partition: 0, offset: 0, maxBytes: 1_048_576 }, log }],
      {
        minBytes,
        maxWaitMs: 30_000,
        maxBytes: 2_097_152,
        ...(signal === undefined ? {} : { signal }),
        ...(room === undefined ? {} : { room }),
      },
    );
  /** Lets the fetch look at what came. */
  const settle = async () => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const bytesOf = ([part]: Awaited<ReturnType<typeof fetch>>) =>
    part instanceof MillraceError ? part.reason : part!.bytes;

  beforeEach(async () => {
    rig = new LogRig();
    log = await rig.open();
  });

  it("reads each byte once to count it, gives the buffers back, and reads all of them once at the end", async () => {
    const reads: number[] = [];
    let held = 0;
    const read = log.read.bind(log);
    vi.spyOn(log, "read").mockImplementation(async (offset, maxBytes) => {
      const result = await read(offset, maxBytes);
      reads.push(result.bytes);
      held++;
      return { ...result, release: () => held-- };
    });
    await log.append(batchOf([value]), "durable");
    const batchBytes = log.sizeBytes;
    const answer = fetch(20 * batchBytes);
    for (let count = 1; count < 20; count++) {
      await settle();
      expect(held).toBe(0);
      await log.append(batchOf([value]), "durable");
    }
    expect(bytesOf(await answer)).toBe(20 * batchBytes);
    expect(reads.reduce((sum, bytes) => sum + bytes, 0)).toBe(40 * batchBytes);
    expect(held).toBe(1);
  });

  it("takes room before it reads, has none while it waits, and keeps that of its answer", async () => {
    const roomAtReads: number[] = [];
    const room = {
      bytes: 0,
      async take(bytes: number) {
        expect(this.bytes).toBe(0);
        this.bytes = bytes;
      },
      giveBack() {
        this.bytes = 0;
      },
    };
    const read = log.read.bind(log);
    vi.spyOn(log, "read").mockImplementation(async (offset, maxBytes) => {
      if (offset < log.highWatermark) roomAtReads.push(room.bytes);
      return read(offset, maxBytes);
    });
    const take = vi.spyOn(room, "take");
    const answer = fetch(15_000, undefined, room);
    await settle();
    expect(take).not.toHaveBeenCalled();
    await log.append(batchOf([value]), "durable");
    await settle();
    expect([take.mock.calls.length, room.bytes]).toEqual([1, 0]);
    await log.append(batchOf([value]), "durable");
    expect(bytesOf(await answer)).toBe(log.sizeBytes);
    expect(room.bytes).toBe(3 * 1_048_576);
    expect(roomAtReads).toEqual([room.bytes, room.bytes, room.bytes]);
  });

  it("fails if it gets no room, and leaves nothing behind", async () => {
    const room = {
      take: () => Promise.reject(new MillraceError("CANCELLED", "no room")),
      giveBack: () => {},
    };
    const answer = fetch(1, undefined, room);
    await settle();
    await log.append(batchOf([value]), "durable");
    await expect(answer).rejects.toMatchObject({ reason: "CANCELLED" });
    expect(rig.clock.timerCount).toBe(0);
  });

  it("gives back the buffer of a batch that exceeds what is left of the answer", async () => {
    let held = 0;
    const read = log.read.bind(log);
    vi.spyOn(log, "read").mockImplementation(async (offset, maxBytes) => {
      held++;
      return { ...(await read(offset, maxBytes)), release: () => held-- };
    });
    await log.append(batchOf([value]), "durable");
    const position = { topic: "orders", partition: 0, offset: 0, maxBytes: 1_048_576 };
    const targets = [position, position].map((each) => ({ position: each, log }));
    const [first, second] = await waitingFetch(rig.clock, targets, {
      minBytes: 1,
      maxWaitMs: 0,
      maxBytes: log.sizeBytes + 1,
    });
    expect([first, second]).toMatchObject([{ bytes: log.sizeBytes }, { bytes: 0 }]);
    expect(held).toBe(1);
  });

  it("has one listener for its end and one timer, and takes both away", async () => {
    const gaveUp = new AbortController();
    const answer = fetch(1_000_000, gaveUp.signal);
    for (let count = 0; count < 5; count++) {
      await log.append(batchOf(["a"]), "durable");
      await settle();
      expect(getEventListeners(gaveUp.signal, "abort")).toHaveLength(1);
      expect(rig.clock.timerCount).toBe(1);
    }
    gaveUp.abort();
    expect(bytesOf(await answer)).toBe(log.sizeBytes);
    expect(getEventListeners(gaveUp.signal, "abort")).toHaveLength(0);
    expect(rig.clock.timerCount).toBe(0);
  });

  it("answers with what is there when the time is over", async () => {
    await log.append(batchOf(["a"]), "durable");
    const answer = fetch(1_000_000);
    await settle();
    rig.clock.advance(30_000);
    expect(bytesOf(await answer)).toBe(log.sizeBytes);
  });

  it("answers at once when the caller has given up before", async () => {
    expect(bytesOf(await fetch(1, AbortSignal.abort()))).toBe(0);
    expect(rig.clock.timerCount).toBe(0);
  });

  it("answers why when its offset is trimmed away or the log is closed", async () => {
    await log.append(batchOf(["a"]), "durable");
    const trimmed = fetch(1_000_000);
    await settle();
    await log.trim(1);
    expect(bytesOf(await trimmed)).toBe("OFFSET_OUT_OF_RANGE");
    const closed = waitingFetch(
      rig.clock,
      [{ position: { topic: "orders", partition: 0, offset: 1, maxBytes: 1_000 }, log }],
      { minBytes: 1, maxWaitMs: 30_000, maxBytes: 1_000 },
    );
    await settle();
    await log.close();
    expect(bytesOf(await closed)).toEqual(expect.any(String));
  });
});
