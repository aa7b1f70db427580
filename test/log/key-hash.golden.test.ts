/** Chaskey-12 as others compute it: published test vectors of the key and messages 00 01 02 …, words lowest first. */
import { describe, expect, it } from "vitest";
import { KeyHash } from "../../src/log/compaction/key-hash.ts";

const SECRET = "33343d839f389f004fe6982339cf7a41";
const VECTORS: readonly (readonly [length: number, words: readonly number[]])[] = [
  [0, [0x43cb1f41, 0x51eba0c2, 0xff0a8ac3, 0x7ee3f642]],
  [1, [0xf9ac2067, 0x9c35a846, 0x441aad3d, 0x777b7330]],
  [4, [0x0b2b62db, 0x1e9e3f50, 0xa1b8dcad, 0xb4279ae0]],
  [7, [0xb7d29cb8, 0x40a2819d, 0xae403cdb, 0x6fbefa95]],
  [15, [0x03cfb44b, 0x283c8163, 0xfca71448, 0xc40a0aea]],
  [16, [0x5dd0e2a9, 0xfb5eac8c, 0x633a392e, 0x500c36f3]],
  [17, [0x8b5f6d5a, 0x202314f6, 0x22092368, 0x9639e606]],
  [32, [0x77962784, 0x07c647fa, 0xdd752c0f, 0xd2f5a799]],
  [33, [0xd74bb867, 0x2c0dfb3a, 0xb697e9cd, 0x5658edda]],
  [63, [0x2dd072e1, 0x42b89efe, 0xfb26b615, 0x049aa451]],
];

describe("the hash of a key", () => {
  it.each(VECTORS)("of %i bytes is Chaskey-12's", (length, words) => {
    const hash = new KeyHash(SECRET);
    const memory = Buffer.from(Array.from({ length: 80 }, (_, index) => index - 5));
    hash.update(memory, 5, length);
    expect([hash.a, hash.b, hash.c, hash.d].map((word) => word >>> 0)).toEqual(words);
  });

  it("needs a secret of 128 bits", () => {
    for (const secret of ["", "0".repeat(31), "g".repeat(32)])
      expect(() => new KeyHash(secret)).toThrow(TypeError);
  });
});
