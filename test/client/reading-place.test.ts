import { describe, expect, it } from "vitest";
import type { ReadStreamOptions, StreamEvent } from "../../src/client/index.ts";
import { ReadingPlace } from "../../src/client/streams/reading-place.ts";

const INFO = { exists: true, firstRevision: 2, lastRevision: 9, snapshotRevision: 6 };

/** What is left after events with these revisions were handed out. */
function restAfter(options: ReadStreamOptions, revisions: readonly number[]): ReadStreamOptions | undefined {
  const place = new ReadingPlace(options);
  place.describe(INFO);
  for (const revision of revisions) place.handOut({ revision } as StreamEvent);
  return place.rest();
}

describe("what is left of a reading that broke", () => {
  it.each([
    ["all of it before the first event", { maxEvents: 3 }, [], { maxEvents: 3 }],
    ["what follows", {}, [2, 3], { direction: "forwards", fromRevision: 4, maxEvents: 6 }],
    [
      "as many as are wanted",
      { maxEvents: 3 },
      [2, 3],
      { direction: "forwards", fromRevision: 4, maxEvents: 1 },
    ],
    ["nothing behind the last", {}, [8, 9], undefined],
    ["nothing beyond the limit", { maxEvents: 2 }, [2, 3], undefined],
    [
      "what lies before",
      { direction: "backwards" },
      [9, 8],
      { direction: "backwards", fromRevision: 7, maxEvents: 6 },
    ],
    ["nothing before the first kept", { direction: "backwards" }, [3, 2], undefined],
    [
      "the events behind a snapshot",
      { fromSnapshot: true },
      [6],
      { direction: "forwards", fromRevision: 7, maxEvents: 3 },
    ],
  ] as [string, ReadStreamOptions, number[], ReadStreamOptions | undefined][])(
    "is %s",
    (_, options, seen, rest) => {
      expect(restAfter(options, seen)).toEqual(rest);
    },
  );

  it("is refused where an event does not follow", () => {
    expect(() => restAfter({}, [2, 4])).toThrow("revision 3 of the stream is missing");
    expect(() => restAfter({ direction: "backwards" }, [9, 7])).toThrow(
      "revision 8 of the stream is missing",
    );
    expect(() => restAfter({ fromSnapshot: true }, [6, 8])).toThrow("revision 7 of the stream is missing");
  });

  it.each([
    ["nothing handed out", {}, [], true],
    ["all forwards", {}, [8, 9], true],
    ["all that was wanted", { maxEvents: 2 }, [2, 3], true],
    ["all backwards", { direction: "backwards" }, [3, 2], true],
    ["less forwards", {}, [2, 3], false],
    ["less than was wanted", { maxEvents: 3 }, [2, 3], false],
    ["less backwards", { direction: "backwards" }, [9, 8], false],
  ] as [string, ReadStreamOptions, number[], boolean][])(
    "ends well after: %s",
    (_, options, seen, isWell) => {
      const place = new ReadingPlace(options);
      place.describe(INFO);
      for (const revision of seen) place.handOut({ revision } as StreamEvent);
      if (isWell) place.end();
      else expect(() => place.end()).toThrow(expect.objectContaining({ reason: "OFFSET_OUT_OF_RANGE" }));
    },
  );

  it("ends well where a snapshot alone tells that the stream had got further", () => {
    const place = new ReadingPlace({});
    place.describe({ ...INFO, snapshotRevision: 9 });
    place.handOut({ revision: 2 } as StreamEvent);
    place.end();
  });

  it("keeps to the stream as it was at first", () => {
    const place = new ReadingPlace({});
    place.describe(INFO);
    place.handOut({ revision: 4 } as StreamEvent);
    place.describe({ ...INFO, lastRevision: 50 });
    expect(place.rest()).toMatchObject({ fromRevision: 5, maxEvents: 5 });
  });
});
