import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { OffsetBits } from "../../src/log/compaction/offset-bits.ts";
import { OffsetMap } from "../../src/log/index.ts";

const SECRET = "00112233445566778899aabbccddeeff";

function add(map: OffsetMap, key: string, offset: number): number | undefined {
  const bytes = Buffer.from(`..${key}`);
  return map.add(bytes, 2, bytes.length - 2, offset);
}

function has(map: OffsetMap, key: string): boolean {
  const bytes = Buffer.from(key);
  return map.has(bytes, 0, bytes.length);
}

describe("an offset map", () => {
  it("knows which offsets have a later one of their key, as a Map does", () => {
    const random = seededRandom(3);
    const map = new OffsetMap({ bytesMax: 2_000_000, secret: SECRET });
    for (let round = 0; round < 3; round++) {
      const newest = new Map<string, number>();
      const keys: string[] = [];
      const first = 1_000_000_000_000 * round;
      map.begin(first, first + 20_000);
      for (let number = 0; number < 20_000; number++) {
        const key = "k".repeat(Math.floor(random.fraction() * 40)) + Math.floor(random.fraction() * 3_000);
        newest.set(key, number);
        keys.push(key);
        expect(add(map, key, first + number)).toBeUndefined();
      }
      expect(map.settle()).toBeUndefined();
      expect(map.keyCount).toBe(newest.size);
      for (const [number, key] of keys.entries()) {
        if (map.superseded.has(number) !== newest.get(key)! > number) throw new Error(`${number}: ${key}`);
      }
      for (const key of newest.keys()) expect(has(map, key)).toBe(true);
      expect(has(map, "never added")).toBe(false);
    }
  });

  it("takes three quarters of its slots, known keys even then, and says which offset was too much", () => {
    const map = new OffsetMap({ bytesMax: 2_048, secret: SECRET });
    map.begin(100, 1_000);
    for (let i = 0; i < 48; i++) add(map, `key ${i}`, 100 + i);
    add(map, "key 7", 148);
    add(map, "one more", 149);
    add(map, "key 8", 150);
    expect(map.settle()).toBe(149);
    expect([map.keyCount, map.superseded.has(7), map.superseded.has(8), has(map, "one more")]).toEqual([
      48,
      true,
      false,
      false,
    ]);
  });

  it("settles by itself now and then, and says then too which offset was too much", () => {
    const map = new OffsetMap({ bytesMax: 2_048, secret: SECRET });
    map.begin(0, 5_000);
    let fullAt: number | undefined;
    for (let i = 0; fullAt === undefined && i < 5_000; i++) fullAt = add(map, `key ${i}`, i);
    expect(fullAt).toBe(48);
  });

  it("ends where it has no room for offsets", () => {
    const map = new OffsetMap({ bytesMax: 2_048, secret: SECRET });
    map.begin(10, 1_000_000);
    for (let offset = 10; offset < 10 + 8 * 512; offset++) expect(add(map, "a", offset)).toBeUndefined();
    expect(add(map, "a", 10 + 8 * 512)).toBe(10 + 8 * 512);
    expect(map.superseded.count(0, 8 * 512)).toBe(8 * 512 - 1);
  });

  it("grows with its keys, up to the memory that it may take", () => {
    const map = new OffsetMap({ bytesMax: 128 * 1_024, secret: SECRET });
    map.begin(0, 2_500);
    const before = map.bytes;
    for (let offset = 0; offset < 1_500; offset++) add(map, `${offset % 1_000}`, offset);
    map.settle();
    expect(map.bytes).toBe(before);
    for (let offset = 1_500; offset < 2_500; offset++) expect(add(map, `${offset}`, offset)).toBeUndefined();
    map.settle();
    expect([map.keyCount, map.superseded.count(0, 2_500)]).toEqual([2_000, 500]);
    expect(map.bytes).toBeGreaterThan(1.9 * before);
    expect(map.bytes).toBeLessThan(128 * 1_024);
    for (let offset = 0; offset < 2_500; offset++) {
      expect(has(map, `${offset}`)).toBe(offset < 1_000 || offset >= 1_500);
    }
    map.clear();
    expect(map.bytes).toBeLessThan(1_100);
    expect(has(map, "600")).toBe(false);
  });

  it("remembers roughly where tombstones are, and never misses one", () => {
    const map = new OffsetMap({ bytesMax: 32_768, secret: SECRET });
    map.begin(1_000, 9_000);
    map.addTombstone(1_000);
    map.addTombstone(3_077);
    expect(map.mayHaveTombstone(0, 1)).toBe(true);
    for (const [from, to] of [
      [2_077, 2_078],
      [1_000, 2_078],
      [2_077, 8_000],
      [0, 8_000],
    ] as const) {
      expect(map.mayHaveTombstone(from, to)).toBe(true);
    }
    expect([map.mayHaveTombstone(64, 2_000), map.mayHaveTombstone(2_200, 8_000)]).toEqual([false, false]);
  });

  it("of less than 64 slots is refused", () => {
    expect(() => new OffsetMap({ bytesMax: 2_047, secret: SECRET })).toThrow(TypeError);
  });
});

describe("a set of offsets", () => {
  it("counts what is in any part of it", () => {
    const random = seededRandom(5);
    const bits = new OffsetBits(7, 300);
    const truth = new Set<number>();
    for (let i = 0; i < 120; i++) {
      const relative = Math.floor(random.fraction() * 300);
      truth.add(relative);
      bits.add(relative);
    }
    for (let from = 0; from <= 300; from += 3) {
      let count = 0;
      for (let to = from; to <= 300; to++) {
        if (bits.count(from, to) !== count) throw new Error(`${from} to ${to}: ${bits.count(from, to)}`);
        if (truth.has(to)) count++;
        expect(bits.has(to)).toBe(truth.has(to));
      }
    }
  });
});
