import { expect, it } from "vitest";
import { GroupTimer } from "../../src/group/service/group-timer.ts";
import { ManualClock } from "../support/manual-clock.ts";

it("a group's timer is due once for each deadline, also if it is set to the same one again", () => {
  const clock = new ManualClock();
  let due = 0;
  const timer = new GroupTimer(clock, () => due++);
  const deadline = clock.monotonicMs() + 100;
  timer.set(deadline);
  timer.set(deadline);
  expect(clock.timerCount).toBe(1);
  clock.advance(100);
  expect([due, clock.timerCount]).toEqual([1, 0]);
  // A timer of Node may fire a little early: then the deadline is still to come.
  timer.set(deadline);
  clock.advance(0);
  expect(due).toBe(2);
  timer.set(deadline + 2 ** 40);
  timer.set(deadline + 50);
  clock.advance(50);
  expect([due, clock.timerCount]).toEqual([3, 0]);
  timer.set(deadline + 200);
  timer.stop();
  expect(clock.timerCount).toBe(0);
});

it("a group's timer that was held up with the process lets those be heard first who were in time", () => {
  let standstillMs = 0;
  const clock = new ManualClock();
  const held = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs() + standstillMs,
    schedule: (delayMs: number, callback: () => void) => clock.schedule(delayMs, callback),
  };
  let due = 0;
  const timer = new GroupTimer(held, () => due++);
  const deadline = held.monotonicMs() + 100;
  timer.set(deadline);
  standstillMs = 60_000;
  clock.advance(100);
  expect([due, clock.timerCount]).toEqual([0, 1]);
  timer.set(deadline);
  clock.advance(1_000);
  expect([due, clock.timerCount]).toEqual([1, 0]);
  timer.set(held.monotonicMs() + 100);
  standstillMs += 60_000;
  clock.advance(100);
  // Somebody was in time.
  timer.set(undefined);
  clock.advance(1_000);
  expect([due, clock.timerCount]).toEqual([1, 0]);
});
