import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { OffsetMap } from "../../src/log/index.ts";

const SECRET = "00112233445566778899aabbccddeeff";

function put(map: OffsetMap, key: string, offset: number): boolean {
  const bytes = Buffer.from(`..${key}`);
  return map.put(bytes, 2, bytes.length - 2, offset);
}

function get(map: OffsetMap, key: string): number | undefined {
  const bytes = Buffer.from(key);
  return map.get(bytes, 0, bytes.length);
}

describe("an offset map", () => {
  it("knows the newest offset of each key, as a Map does", () => {
    const random = seededRandom(3);
    const map = new OffsetMap({ bytesMax: 1_000_000, secret: SECRET });
    for (let round = 0; round < 3; round++) {
      const truth = new Map<string, number>();
      const first = 1_000_000_000_000 * round;
      map.begin(first, 20_000);
      for (let offset = first; offset < first + 20_000; offset++) {
        const key = "k".repeat(Math.floor(random.fraction() * 40)) + Math.floor(random.fraction() * 3_000);
        truth.set(key, offset);
        expect(put(map, key, offset)).toBe(true);
      }
      expect(map.keyCount).toBe(truth.size);
      for (const [key, offset] of truth) expect(get(map, key)).toBe(offset);
      expect(get(map, "never put")).toBeUndefined();
    }
  });

  it("takes three quarters of its slots, and known keys even then", () => {
    const map = new OffsetMap({ bytesMax: 64 * 20, secret: SECRET });
    map.begin(100, 1_000);
    for (let i = 0; i < 48; i++) expect(put(map, `key ${i}`, 100 + i)).toBe(true);
    expect(put(map, "one more", 148)).toBe(false);
    expect(put(map, "key 7", 149)).toBe(true);
    expect([get(map, "key 7"), get(map, "one more"), map.keyCount]).toEqual([149, undefined, 48]);
  });

  it("takes no more memory than the keys need, nor than it may", () => {
    const map = new OffsetMap({ bytesMax: 20 * 1_024, secret: SECRET });
    map.begin(0, 48);
    expect(map.bytes).toBe(64 * 20);
    map.begin(0, 1_000_000);
    expect(map.bytes).toBe(1_024 * 20);
    map.clear();
    expect([map.bytes, get(map, "a")]).toEqual([64 * 20, undefined]);
  });

  it("tells offsets apart up to 2^32 − 2 above the first", () => {
    const map = new OffsetMap({ bytesMax: 10_000, secret: SECRET });
    map.begin(5, 100);
    expect(put(map, "a", 5 + 2 ** 32 - 2)).toBe(true);
    expect(get(map, "a")).toBe(5 + 2 ** 32 - 2);
    expect(put(map, "b", 5 + 2 ** 32 - 1)).toBe(false);
  });

  it("of less than 64 slots is refused", () => {
    expect(() => new OffsetMap({ bytesMax: 64 * 20 - 1, secret: SECRET })).toThrow(TypeError);
  });
});
