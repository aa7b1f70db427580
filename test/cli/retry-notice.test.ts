import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { OutputStream } from "../../cli/output/output-stream.ts";
import { RetryNotice } from "../../cli/output/retry-notice.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** A notice, and the number of lines that it wrote. */
function noticeWith(options: { isVerbose?: boolean; isQuiet?: boolean } = {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const output = new OutputStream(stream, {}, "stderr");
  const notice = new RetryNotice(output, clock, { isVerbose: false, isQuiet: false, ...options });
  const retryAfter = (ms: number) => {
    clock.advance(ms);
    notice.retrying(new MillraceError("STORAGE_FULL", "no space"));
    return lines.length;
  };
  return { retryAfter, lines };
}

describe("a retry notice", () => {
  it("tells of a trouble that lasts, after a second and then every ten", () => {
    const { retryAfter, lines } = noticeWith();
    expect([0, 500, 499].map(retryAfter)).toEqual([0, 0, 0]);
    expect(retryAfter(1)).toBe(1);
    expect(lines[0]).toBe("retrying: no space [STORAGE_FULL]\n");
    expect([5_000, 4_999, 1, 1].map(retryAfter)).toEqual([1, 1, 2, 2]);
  });

  it("is patient again with the next trouble", () => {
    const { retryAfter } = noticeWith();
    expect([0, 1_000].map(retryAfter)).toEqual([0, 1]);
    expect([60_000, 999, 1].map(retryAfter)).toEqual([1, 1, 2]);
  });

  it("tells everything or nothing if asked to", () => {
    const verbose = noticeWith({ isVerbose: true });
    expect([0, 1, 1].map(verbose.retryAfter)).toEqual([1, 2, 3]);
    const quiet = noticeWith({ isQuiet: true });
    expect([0, 2_000].map(quiet.retryAfter)).toEqual([0, 0]);
  });
});
