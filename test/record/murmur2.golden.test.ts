import { describe, expect, it } from "vitest";
import { murmur2, partitionForKey } from "../../src/record/index.ts";
import { readGolden } from "./golden-batches.ts";

interface Row {
  readonly key: string;
  readonly murmur2: number;
  readonly of6: number;
  readonly of1000: number;
}

describe("the default partitioner", () => {
  it.each(readGolden("murmur2.json") as Row[])("puts key $key where Kafka puts it", (row) => {
    const key = Buffer.from(row.key, "hex");
    expect(murmur2(key)).toBe(row.murmur2);
    expect(partitionForKey(key, 6)).toBe(row.of6);
    expect(partitionForKey(key, 1_000)).toBe(row.of1000);
  });

  it("hashes a view and a copy of the same bytes alike", () => {
    const bytes = Buffer.from("--ATL--");
    expect(murmur2(new Uint8Array(bytes.buffer, bytes.byteOffset + 2, 3))).toBe(murmur2(Buffer.from("ATL")));
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses %s partitions as a programmer's mistake", (count) => {
    expect(() => partitionForKey(Buffer.from("k"), count)).toThrow(TypeError);
  });
});
