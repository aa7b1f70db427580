/** Chaskey as others compute it: its published test vectors, of messages 00 01 02 … */
import { describe, expect, it } from "vitest";
import { KeyHash } from "../../src/log/compaction/key-hash.ts";

const SECRET = "33343d839f389f004fe6982339cf7a41";
const VECTORS: readonly (readonly [length: number, words: readonly number[]])[] = [
  [0, [0x792e8fe5, 0x75ce87aa, 0x2d1450b5, 0x1191970b]],
  [1, [0x13a9307b, 0x50e62c89, 0x4577bd88, 0xc0bbdc18]],
  [2, [0x55df8922, 0x2c7ff577, 0x73809ef4, 0x4e5084c0]],
  [3, [0x1bdbb264, 0xa07680d8, 0x8e5b2ab8, 0x20660413]],
  [4, [0x30b2d171, 0xe38532fb, 0x16707c16, 0x73ed45f0]],
  [7, [0x7f670454, 0xf25b03e0, 0x19d68362, 0x9f4d24d8]],
  [10, [0xac5b9dae, 0x6cf8c0ac, 0x56e7b945, 0xd7ecf8f0]],
  [13, [0x29496f33, 0xac62d558, 0xe0bad605, 0xc5a538c6]],
  [15, [0x51b94da4, 0xefcc4de8, 0x192412ea, 0xbbc170dd]],
  [16, [0x79271ca9, 0xd66a1c71, 0x81ca474e, 0x49831cad]],
  [17, [0x048da968, 0x4e25d096, 0x2d6cf897, 0xbc3959ca]],
  [32, [0x60b3f7af, 0x37eee7c8, 0x836cfd98, 0x782ca060]],
  [33, [0xdf44ea33, 0xb0b2c398, 0x0583ce6f, 0x846d823e]],
  [63, [0x9047fad7, 0x88136d8c, 0xa488286b, 0x7fe9352c]],
];

describe("the hash of a key", () => {
  it.each(VECTORS)("of %i bytes is Chaskey's", (length, words) => {
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
