import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { MetadataCache } from "../../src/client/cluster/metadata-cache.ts";
import { leaderOf, metadataOf, type TopicMetadata } from "../../src/client/cluster/topic-metadata.ts";
import { BuilderPool } from "../../src/client/producer/builder-pool.ts";
import { PartitionChooser } from "../../src/client/producer/partition-chooser.ts";
import { PrefetchCredit } from "../../src/client/reader/prefetch-credit.ts";
import { parseEndpoint, parseEndpoints } from "../../src/client/transport/endpoint.ts";
import { ManualClock } from "../support/manual-clock.ts";

describe("endpoints", () => {
  it.each([
    ["localhost", "localhost:7171"],
    ["127.0.0.1:1", "127.0.0.1:1"],
    [" broker-1.example:65535 ", "broker-1.example:65535"],
    ["[::1]", "[::1]:7171"],
    ["[fe80::1%eth0]:7000", "[fe80::1%eth0]:7000"],
  ])("takes %j for %s", (text, endpoint) => {
    expect(parseEndpoint(text)).toBe(endpoint);
  });

  it.each(["", "host:0", "host:65536", "host:abc", "::1", "a b", "http://host:1", "host:1:2"])(
    "refuses %j and says what is allowed",
    (text) => {
      expect(() => parseEndpoint(text)).toThrow("host:port");
    },
  );

  it("takes a list or a text with commas, each endpoint once", () => {
    expect(parseEndpoints("a:1,b , a:1")).toEqual(["a:1", "b:7171"]);
    expect(parseEndpoints(["a:1", "b:2"])).toEqual(["a:1", "b:2"]);
    expect(() => parseEndpoints([])).toThrow("127.0.0.1:7171");
  });
});

describe("the metadata cache", () => {
  const topic = (leaders: string[]): TopicMetadata => ({
    topicId: "0".repeat(32),
    name: "t",
    leaders,
    batchBytesMax: 1_000,
    hasStreams: false,
  });

  it("asks once for concurrent questions, and again when what it knows is old", async () => {
    const clock = new ManualClock(0);
    let calls = 0;
    const cache = new MetadataCache(async () => topic([`broker-${calls++}:1`]), clock);
    const [first, second] = await Promise.all([cache.get("t"), cache.get("t")]);
    expect([first, second, calls]).toEqual([topic(["broker-0:1"]), topic(["broker-0:1"]), 1]);
    await cache.get("t");
    expect(calls).toBe(1);
    clock.advance(300_001);
    expect(cache.isOld("t")).toBe(true);
    expect(cache.peek("t")).toEqual(topic(["broker-0:1"]));
    expect(await cache.get("t")).toEqual(topic(["broker-1:1"]));
    cache.age("t");
    expect(await cache.get("t")).toEqual(topic(["broker-2:1"]));
  });

  it("does not remember a failure", async () => {
    let calls = 0;
    const cache = new MetadataCache(async () => {
      if (calls++ === 0) throw new Error("not yet");
      return topic(["b:1"]);
    }, new ManualClock(0));
    await expect(cache.get("t")).rejects.toThrow("not yet");
    expect(await cache.get("t")).toEqual(topic(["b:1"]));
  });

  it("tells a partition without leader from one that does not exist", () => {
    const metadata = topic(["b:1", ""]);
    expect(leaderOf(metadata, 0)).toBe("b:1");
    expect(() => leaderOf(metadata, 1)).toThrowError(expect.objectContaining({ reason: "NOT_LEADER" }));
    expect(() => leaderOf(metadata, 2)).toThrowError(
      expect.objectContaining({ reason: "PARTITION_NOT_FOUND" }),
    );
  });

  it("takes the limit of a batch and whether there are streams from the topic's configs", () => {
    const described = { name: "t", topicId: "", partitions: [] };
    const config = { name: "max.message.bytes", value: "5000", isSet: true };
    expect(metadataOf({ ...described, configs: [config] }).batchBytesMax).toBe(5_000);
    expect(metadataOf({ ...described, configs: [] }).batchBytesMax).toBe(1_048_588);
    const index = { name: "stream.index", value: "true", isSet: true };
    expect(metadataOf({ ...described, configs: [config, index] }).hasStreams).toBe(true);
    expect(metadataOf({ ...described, configs: [config] }).hasStreams).toBe(false);
  });
});

describe("the partition of a record", () => {
  const chooser = new PartitionChooser("default", seededRandom(1));

  // Keys and hashes of UtilsTest.testMurmur2 in Apache Kafka (clients/src/test/java/.../utils/UtilsTest.java)
  it.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ])("follows murmur2 of the key %s, given as text or as bytes", (key, hash) => {
    for (const count of [1, 2, 6, 100]) {
      expect(chooser.named("t", { key }, count)).toBe((hash & 0x7fffffff) % count);
      expect(chooser.named("t", { key: Buffer.from(key) }, count)).toBe((hash & 0x7fffffff) % count);
    }
  });

  it("hashes long and non-ASCII text as its UTF-8", () => {
    for (const key of ["ключ", "x".repeat(1_000), "ü".repeat(85), "ü".repeat(86)]) {
      expect(chooser.named("t", { key }, 97)).toBe(chooser.named("t", { key: Buffer.from(key) }, 97));
    }
  });

  it("stays where a batch collects and avoids partitions in trouble", () => {
    const collecting = new Set<number>();
    const stuck = new Set([2]);
    const partitions = {
      count: 4,
      isCollecting: (partition: number) => collecting.has(partition),
      isFlowing: (partition: number) => !stuck.has(partition),
    };
    const seen: number[] = [];
    for (let batch = 0; batch < 6; batch++) {
      const partition = chooser.sticky(partitions);
      collecting.add(partition);
      expect(chooser.sticky(partitions)).toBe(partition);
      collecting.clear();
      seen.push(partition);
    }
    expect(new Set(seen)).toEqual(new Set([0, 1, 3]));
    stuck.add(0).add(1).add(3);
    expect(chooser.sticky(partitions)).toBeLessThan(4);
  });
});

describe("the builder pool", () => {
  it("lends no more than its bytes and lends memory again", () => {
    const pool = new BuilderPool({ batchBytes: 1_024, bufferBytes: 4_096, compression: "none" });
    const builders = Array.from({ length: 4 }, () => pool.acquire(1_024)!);
    expect([pool.hasRoom, pool.bytesInUse, pool.acquire(1_024)]).toEqual([false, 4_096, undefined]);
    builders[0]!.append(null, "v".repeat(500), 0);
    const encoded = builders[0]!.build();
    pool.release(builders[0]!, 1_024, encoded, true);
    const again = pool.acquire(1_024)!;
    expect(again).toBe(builders[0]);
    again.append(null, "w".repeat(500), 0);
    expect(again.build().buffer).toBe(encoded.buffer);
  });

  it("does not lend memory again that may still be read, nor of unusual size", () => {
    const pool = new BuilderPool({ batchBytes: 1_024, bufferBytes: 4_096, compression: "none" });
    const lost = pool.acquire(1_024)!;
    lost.append(null, "v", 0);
    pool.release(lost, 1_024, lost.build(), false);
    const large = pool.acquire(50_000)!;
    pool.release(large, 50_000, undefined, true);
    expect([lost, large]).not.toContain(pool.acquire(1_024));
    expect(pool.bytesInUse).toBe(1_024);
  });
});

describe("prefetch credit", () => {
  it("is given back in portions, and not opened anew for what is still held", () => {
    const credit = new PrefetchCredit({ records: 1_000, bytes: 100 });
    expect(credit.opening()).toEqual({ records: 1_000, bytes: 100 });
    credit.received({ records: 5, bytes: 60 });
    credit.received({ records: 5, bytes: 30 });
    expect(credit.opening()).toEqual({ records: 990, bytes: 10 });
    credit.taken({ records: 1, bytes: 20 });
    expect(credit.due()).toBeUndefined();
    credit.taken({ records: 4, bytes: 40 });
    expect(credit.due()).toEqual({ records: 5, bytes: 60 });
    expect(credit.due()).toBeUndefined();
  });

  it("never opens with less than nothing", () => {
    const credit = new PrefetchCredit({ records: 10, bytes: 100 });
    credit.received({ records: 20, bytes: 500 });
    expect(credit.opening()).toEqual({ records: 0, bytes: 0 });
  });
});
