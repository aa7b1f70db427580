/** The group under whatever may happen, in any order; see World for what is held against it. */
import fc from "fast-check";
import { describe, it } from "vitest";
import type { AssignorName, GroupSubscription } from "../../src/group/index.ts";
import { SLOTS, SUBSCRIPTIONS, World } from "./group-world.ts";

const TIMES_MS = [1, 2_000, 9_000, 30_000, 61_000];

interface Step {
  readonly kind:
    | "start"
    | "hear"
    | "release"
    | "speak"
    | "break"
    | "sever"
    | "connect"
    | "leave"
    | "die"
    | "subscribe"
    | "pass"
    | "topic"
    | "take"
    | "store"
    | "flow"
    | "crash";
  readonly slot: number;
  readonly choice: number;
}

const WEIGHTS: readonly (readonly [Step["kind"], number])[] = [
  ["start", 8],
  ["hear", 10],
  ["release", 6],
  ["speak", 8],
  ["break", 4],
  ["sever", 3],
  ["connect", 6],
  ["leave", 1],
  ["die", 2],
  ["subscribe", 2],
  ["pass", 3],
  ["topic", 3],
  ["take", 8],
  ["store", 8],
  ["flow", 4],
  ["crash", 2],
];

const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.oneof(...WEIGHTS.map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind) }))),
    fc.nat({ max: SLOTS - 1 }),
    fc.nat({ max: 4 }),
  )
  .map(([kind, slot, choice]) => ({ kind, slot, choice }));

function take(world: World, { kind, slot, choice }: Step): void {
  const program = world.slot(slot);
  if (kind === "start") world.start(slot, choice);
  else if (kind === "pass") world.pass(TIMES_MS[choice]!);
  else if (kind === "topic") world.changeTopic(slot % 2 === 0 ? "a" : "b", choice);
  else if (kind === "take") world.take();
  else if (kind === "store") world.store();
  else if (kind === "flow") flow(world);
  else if (kind === "crash") world.crash(choice);
  else if (program === undefined) return;
  else if (kind === "hear") program.hear();
  else if (kind === "release") program.release(1 + choice);
  else if (kind === "speak") program.speak(world.group);
  else if (kind === "break" && program.stream !== undefined) program.stream.isOpenForMember = false;
  else if (kind === "sever") world.sever(program);
  else if (kind === "connect") world.connect(program);
  else if (kind === "leave") world.leave(program);
  else if (kind === "die") program.end();
  else if (kind === "subscribe") world.subscribe(program, choice);
}

/** Everything that is on its way arrives, for once. */
function flow(world: World): void {
  world.take();
  while (world.store());
  for (const program of world.programs) {
    while (program.hear());
    program.release(99);
    while (program.speak(world.group));
  }
}

function run(
  subscriptions: readonly GroupSubscription[],
  assignors: readonly (AssignorName | undefined)[],
  numRuns: number,
): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150, size: "max" }), (steps) => {
      const world = new World(subscriptions, assignors);
      for (const next of steps) {
        take(world, next);
        world.check();
      }
      world.settle();
      world.expectSettled();
    }),
    { numRuns },
  );
}

describe("a group under any sequence of events", () => {
  it("has one owner for each partition at any time and comes to rest evenly, with equal members", () => {
    run(SUBSCRIPTIONS.slice(0, 3), [undefined], 150);
  });

  it("has one owner for each partition at any time and comes to rest, whatever members ask for", () => {
    run(SUBSCRIPTIONS, [undefined, "range", "uniform"], 150);
  });
});
