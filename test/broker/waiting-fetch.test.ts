import { getEventListeners } from "node:events";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { waitingFetch } from "../../src/broker/waiting-fetch.ts";
import { MillraceError } from "../../src/errors/index.ts";
import type { PartitionLog } from "../../src/log/index.ts";
import { batchOf } from "../log/batches.ts";
import { LogRig } from "../log/log-rig.ts";

const value = "x".repeat(10_000);

describe("a fetch that waits", () => {
  let rig: LogRig;
  let log: PartitionLog;
  const fetch = (minBytes: number, signal?: AbortSignal) =>
    waitingFetch(
      rig.clock,
      [{ position: { topic: "orders", partition: 0, offset: 0, maxBytes: 1_048_576 }, log }],
      { minBytes, maxWaitMs: 30_000, maxBytes: 2_097_152, ...(signal === undefined ? {} : { signal }) },
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
