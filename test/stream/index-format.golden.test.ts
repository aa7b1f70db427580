import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IndexKeys, offsetOfKey, revisionOfKey, streamIdOf } from "../../src/stream/store/index-keys.ts";
import { IndexDamage } from "../../src/stream/store/index-damage.ts";
import {
  decodeEvents,
  decodeHead,
  decodeKnownAppend,
  decodeOffsets,
  decodeState,
  encodeEvents,
  encodeHead,
  encodeKnownAppend,
  encodeOffsets,
  encodeState,
} from "../../src/stream/store/index-values.ts";

const TOPIC = "000102030405060708090a0b0c0d0e0f";
const PREFIX = `${TOPIC}00000002`;
const A = "ca978112ca1bbdcafac231b39a23dc4d"; // SHA-256 of "a", first half

describe("keys of the index", () => {
  it("are these bytes", () => {
    const keys = new IndexKeys(TOPIC, 2);
    const id = streamIdOf(Buffer.from("a"));
    expect(id.toString("hex")).toBe(A);
    expect(keys.state.toString("hex")).toBe(`${PREFIX}01`);
    expect(keys.swept.toString("hex")).toBe(`${PREFIX}02`);
    expect(keys.head(id).toString("hex")).toBe(`${PREFIX}03${A}`);
    expect(keys.events(id, 2 ** 32 + 5).toString("hex")).toBe(`${PREFIX}04${A}0000000100000005`);
    expect(keys.idempotency(id, id).toString("hex")).toBe(`${PREFIX}05${A}${A}`);
    expect(keys.offsets(258).toString("hex")).toBe(`${PREFIX}060000000000000102`);
    expect(revisionOfKey(keys.events(id, 2 ** 52 + 3))).toBe(2 ** 52 + 3);
    expect(offsetOfKey(keys.offsets(2 ** 52 + 3))).toBe(2 ** 52 + 3);
  });
});

describe("values of the index", () => {
  it("are these bytes", () => {
    const runs = [
      { revision: 3, offset: 100, count: 2 },
      { revision: 5, offset: 110, count: 1 },
    ];
    // Each number is folded: n becomes 2n, in groups of seven bits.
    expect(encodeState({ appliedOffset: 64, leaderEpoch: 3 }).toString("hex")).toBe("800106");
    expect(
      encodeHead({ nextRevision: 6, snapshot: { revision: 4, offset: 9 }, recent: runs }).toString("hex"),
    ).toBe("0c0a1206c801041002");
    expect(encodeHead({ nextRevision: 0, snapshot: undefined, recent: [] }).toString("hex")).toBe("00000000");
    expect(encodeEvents(runs).toString("hex")).toBe("c801041002");
    expect(encodeKnownAppend({ firstRevision: 1, count: 2, baseOffset: 3 }).toString("hex")).toBe("020406");
    expect(encodeOffsets(runs).toString("hex")).toBe("c801040610020a");
  });

  it("come back as they were", () => {
    const number = fc.nat({ max: 2 ** 40 });
    const gaps = fc.array(
      fc.record({ gap: fc.nat({ max: 10_000 }), count: fc.integer({ min: 1, max: 500 }) }),
    );
    fc.assert(
      fc.property(
        number,
        number,
        gaps,
        fc.option(number, { nil: undefined }),
        (first, offset, parts, snapshot) => {
          let revision = first;
          let end = 0;
          const recent = parts.map(({ gap, count }) => {
            const run = { revision, offset: end + gap, count };
            revision += count;
            end = run.offset + count;
            return run;
          });
          const head = {
            nextRevision: revision,
            snapshot: snapshot === undefined ? undefined : { revision: snapshot, offset },
            recent,
          };
          expect(decodeHead(encodeHead(head))).toEqual(head);
          expect(decodeEvents(first, encodeEvents(recent))).toEqual(recent);
          expect(decodeOffsets(encodeOffsets(recent))).toEqual(recent);
          const state = { appliedOffset: offset, leaderEpoch: 7 };
          expect(decodeState(encodeState(state))).toEqual(state);
          const known = { firstRevision: first, count: 3, baseOffset: offset };
          expect(decodeKnownAppend(encodeKnownAppend(known))).toEqual(known);
        },
      ),
    );
  });

  it("that are cut off or negative are damage, never a wrong number", () => {
    const whole = encodeHead({ nextRevision: 300, snapshot: { revision: 200, offset: 900 }, recent: [] });
    for (let end = 0; end < whole.length; end++) {
      expect(() => decodeHead(whole.subarray(0, end))).toThrow(IndexDamage);
    }
    expect(() => decodeState(Buffer.from("0102", "hex"))).toThrow(IndexDamage);
  });
});
