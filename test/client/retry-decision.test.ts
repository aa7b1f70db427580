import { describe, expect, it } from "vitest";
import { Backoff } from "../../src/client/backoff.ts";
import { type Decision, decide, type FailedTry } from "../../src/client/producer/retry-decision.ts";
import { seededRandom } from "../../src/base/index.ts";
import { MillraceError, REASONS, type Reason } from "../../src/errors/index.ts";

const FIRST_TRY: FailedTry = {
  isIdempotent: true,
  followsTrouble: false,
  mayBeAppended: false,
  refreshes: 0,
};

/** Every reason, so that a new one must be thought about here. */
const EXPECTED: Record<Reason, Decision> = {
  INVALID_REQUEST: "give-up",
  INVALID_CONFIG: "give-up",
  INVALID_BATCH: "give-up",
  BATCH_TOO_LARGE: "give-up",
  CHECKSUM_MISMATCH: "give-up",
  UNSUPPORTED_COMPRESSION: "give-up",
  TOPIC_NOT_FOUND: "refresh",
  PARTITION_NOT_FOUND: "refresh",
  TOPIC_ALREADY_EXISTS: "give-up",
  OFFSET_OUT_OF_RANGE: "give-up",
  NOT_LEADER: "refresh",
  PRODUCER_FENCED: "give-up",
  OUT_OF_ORDER_SEQUENCE: "fresh-identity",
  SHUTTING_DOWN: "again",
  OVERLOADED: "again",
  STORAGE_FULL: "again",
  STORAGE_OFFLINE: "refresh",
  LOG_CORRUPT: "give-up",
  DEADLINE_EXCEEDED: "again",
  DISCONNECTED: "again",
  CANCELLED: "give-up",
  UNIMPLEMENTED: "give-up",
  INTERNAL: "give-up",
  WRONG_REVISION: "give-up",
  GROUP_NOT_FOUND: "give-up",
  GROUP_NOT_EMPTY: "give-up",
  GROUP_FULL: "again",
  UNKNOWN_MEMBER: "give-up",
  STALE_MEMBER_EPOCH: "give-up",
  MEMBER_FENCED: "give-up",
  COORDINATOR_LOADING: "again",
};

describe("what to do with a batch that failed", () => {
  it.each(Object.keys(REASONS) as Reason[])("is decided for %s", (reason) => {
    expect(decide(new MillraceError(reason, "x"), FIRST_TRY)).toBe(EXPECTED[reason]);
  });

  it("looks for a missing topic or partition once more only, but for a leader as long as it takes", () => {
    const again = { ...FIRST_TRY, refreshes: 1 };
    expect(decide(new MillraceError("TOPIC_NOT_FOUND", "x"), again)).toBe("give-up");
    expect(decide(new MillraceError("PARTITION_NOT_FOUND", "x"), again)).toBe("give-up");
    expect(decide(new MillraceError("NOT_LEADER", "x"), again)).toBe("refresh");
  });

  it("blames a gap in the sequence on the batch before, if that failed", () => {
    const gap = new MillraceError("OUT_OF_ORDER_SEQUENCE", "x");
    expect(decide(gap, { ...FIRST_TRY, followsTrouble: true })).toBe("again");
  });

  it("takes no fresh identity for a batch that may have been appended under the old one", () => {
    const gap = new MillraceError("OUT_OF_ORDER_SEQUENCE", "x");
    expect(decide(gap, { ...FIRST_TRY, mayBeAppended: true })).toBe("give-up");
  });
});

describe("the wait before a retry", () => {
  it("grows with the failures up to two seconds, and never undercuts what the reason asks for", () => {
    const backoff = new Backoff({ fraction: () => 0.999_999, id: () => "" });
    const error = new MillraceError("NOT_LEADER", "x");
    const waits = Array.from({ length: 8 }, () => backoff.next(error));
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
    backoff.reset();
    expect(backoff.next(error)).toBe(50);
    const least = new Backoff({ fraction: () => 0, id: () => "" });
    expect(least.next(new MillraceError("STORAGE_FULL", "x"))).toBe(1_000);
  });

  it("spreads clients that failed together", () => {
    const waits = Array.from({ length: 50 }, (_, seed) => {
      const backoff = new Backoff(seededRandom(seed));
      for (let failures = 0; failures < 5; failures++) backoff.next(new MillraceError("NOT_LEADER", "x"));
      return backoff.next(new MillraceError("NOT_LEADER", "x"));
    });
    expect(new Set(waits).size).toBeGreaterThan(40);
  });
});
