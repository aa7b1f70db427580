/** The indexes held against plain arrays that are searched from one end to the other. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OffsetIndex, TimeIndex } from "../../src/log/index.ts";

const BASE = 1_000_000;

/** Steps up by at least one, as offsets and positions in an index do. */
const rising = (length: number) =>
  fc.array(fc.integer({ min: 1, max: 50 }), { minLength: length, maxLength: length });

const offsetEntries = fc.integer({ min: 0, max: 40 }).chain((length) =>
  fc.tuple(rising(length), rising(length)).map(([offsets, positions]) => {
    let [lastOffset, position] = [BASE - 1, 0];
    return offsets.map((step, i) => {
      lastOffset += step;
      position += positions[i]!;
      return { lastOffset, position };
    });
  }),
);

const target = fc.integer({ min: BASE - 10, max: BASE + 2_200 });

function offsetIndexOf(entries: readonly { lastOffset: number; position: number }[]): OffsetIndex {
  const index = new OffsetIndex(BASE);
  for (const { lastOffset, position } of entries) index.append(lastOffset, position);
  return index;
}

describe("an offset index", () => {
  it("finds the last entry that is not above an offset", () => {
    fc.assert(
      fc.property(offsetEntries, target, (entries, offset) => {
        const expected = entries.findLast(({ lastOffset }) => lastOffset <= offset);
        expect(offsetIndexOf(entries).lookup(offset)).toEqual(expected);
      }),
    );
  });

  it("keeps the entries not above an offset when it is cut there, and counts what its file has to lose", () => {
    fc.assert(
      fc.property(offsetEntries, target, fc.nat({ max: 40 }), (entries, offset, persisted) => {
        const index = offsetIndexOf(entries);
        index.persistedBytes = 8 * Math.min(persisted, entries.length);
        index.truncateAbove(offset);
        const kept = entries.filter(({ lastOffset }) => lastOffset <= offset);
        expect(Array.from(kept, (_, number) => index.entry(number))).toEqual(kept);
        expect(index.entryCount).toBe(kept.length);
        expect(index.persistedBytes).toBe(8 * Math.min(persisted, kept.length));
        expect(index.unpersisted().length).toBe(8 * kept.length - index.persistedBytes);
      }),
    );
  });

  it("is the same read from its bytes, and sane", () => {
    fc.assert(
      fc.property(offsetEntries, (entries) => {
        const again = new OffsetIndex(BASE, Buffer.from(offsetIndexOf(entries).unpersisted()));
        expect(Array.from(entries, (_, number) => again.entry(number))).toEqual(entries);
        expect(again.isSane((entries.at(-1)?.position ?? 0) + 1)).toBe(true);
        if (entries.length > 0) expect(again.isSane(entries.at(-1)!.position)).toBe(false);
      }),
    );
  });

  it("is not sane if two entries stand the wrong way round", () => {
    fc.assert(
      fc.property(offsetEntries, fc.nat(), (entries, pick) => {
        fc.pre(entries.length >= 2);
        const at = pick % (entries.length - 1);
        const swapped = [...entries];
        [swapped[at], swapped[at + 1]] = [swapped[at + 1]!, swapped[at]!];
        expect(offsetIndexOf(swapped).isSane(1_000_000)).toBe(false);
      }),
    );
  });
});

/** Timestamps as they come, with the offset that each belongs to. */
const sightings = fc
  .array(fc.record({ timestampMs: fc.integer({ min: 0, max: 60 }), step: fc.integer({ min: 0, max: 5 }) }), {
    maxLength: 40,
  })
  .map((items) => {
    let offset = BASE;
    return items.map(({ timestampMs, step }) => {
      offset += step;
      return { timestampMs, offset };
    });
  });

describe("a time index", () => {
  it("takes only timestamps later than all before", () => {
    fc.assert(
      fc.property(sightings, (seen) => {
        const index = new TimeIndex(BASE);
        for (const { timestampMs, offset } of seen) index.append(timestampMs, offset);
        const records = seen.filter(({ timestampMs }, i) =>
          seen.slice(0, i).every((s) => s.timestampMs < timestampMs),
        );
        expect(Array.from(records, (_, number) => index.entry(number))).toEqual(records);
        expect(index.entryCount).toBe(records.length);
        expect(index.last()).toEqual(records.at(-1));
        expect(index.isSane()).toBe(true);
      }),
    );
  });

  it("finds the newest entry before a timestamp, and can be cut at an offset", () => {
    fc.assert(
      fc.property(sightings, fc.integer({ min: 0, max: 70 }), target, (seen, timestampMs, offset) => {
        const index = new TimeIndex(BASE);
        for (const sighting of seen) index.append(sighting.timestampMs, sighting.offset);
        const entries = Array.from({ length: index.entryCount }, (_, number) => index.entry(number));
        expect(index.lookupBefore(timestampMs)).toEqual(
          entries.findLast((entry) => entry.timestampMs < timestampMs),
        );
        index.truncateAbove(offset);
        expect(index.last()).toEqual(entries.findLast((entry) => entry.offset <= offset));
      }),
    );
  });
});
