import { describe, expect, it } from "vitest";
import { WaitingLine } from "../../src/client/producer/waiting-line.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { ManualClock } from "../support/manual-clock.ts";

function lineWithRoom() {
  const clock = new ManualClock(0);
  const events: string[] = [];
  let room = 0;
  const line = new WaitingLine(clock, {
    expired: () => new MillraceError("OVERLOADED", "too long"),
    emptied: () => events.push("empty"),
  });
  const join = (name: string, expiresMs: number) =>
    line.join({
      expiresMs,
      admit: () => {
        if (room === 0) return false;
        room--;
        events.push(name);
        return true;
      },
      fail: (error) => events.push(`${name} ${error.reason}`),
    });
  const give = (count: number) => {
    room += count;
    line.advance();
  };
  return { clock, line, events, join, give };
}

describe("a waiting line", () => {
  it("lets those go on first who came first, as far as there is room", () => {
    const { line, events, join, give } = lineWithRoom();
    for (const name of ["a", "b", "c"]) join(name, 100);
    give(2);
    expect(events).toEqual(["a", "b"]);
    expect(line.isEmpty).toBe(false);
    give(1);
    expect(events).toEqual(["a", "b", "c", "empty"]);
  });

  it("fails those who waited too long, and only those", () => {
    const { clock, events, join, give } = lineWithRoom();
    join("a", 100);
    join("b", 100);
    join("c", 150);
    clock.advance(99);
    expect(events).toEqual([]);
    clock.advance(1);
    expect(events).toEqual(["a OVERLOADED", "b OVERLOADED"]);
    give(1);
    expect(events.slice(2)).toEqual(["c", "empty"]);
    expect(clock.timerCount).toBe(0);
  });

  it("does not let one go on twice when going on frees room for the next", () => {
    const clock = new ManualClock(0);
    const admitted: string[] = [];
    const line = new WaitingLine(clock, {
      expired: () => new MillraceError("OVERLOADED", "too long"),
      emptied: () => {},
    });
    for (const name of ["a", "b"]) {
      const admit = () => {
        admitted.push(name);
        line.advance();
        return true;
      };
      line.join({ expiresMs: 1, admit, fail: () => {} });
    }
    line.advance();
    expect(admitted).toEqual(["a", "b"]);
  });

  it("fails all who wait when there is no hope", () => {
    const { line, events, join } = lineWithRoom();
    join("a", 100);
    join("b", 100);
    line.fail(new MillraceError("TOPIC_NOT_FOUND", "gone"));
    expect(events).toEqual(["empty", "a TOPIC_NOT_FOUND", "b TOPIC_NOT_FOUND"]);
  });
});
