import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { Fifo } from "../../src/client/fifo.ts";
import { EventQueue, type ReaderEvent } from "../../src/client/reader/event-queue.ts";
import { turn } from "../support/turns.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Whether what went through a queue that is never empty is held on to. */
async function isHeld(queue: { push(item: object): void; shift(): unknown }): Promise<boolean> {
  const pass = (): WeakRef<object> => {
    const first = itemLikeAnEvent();
    queue.push(first);
    for (let more = 0; more < 7; more++) queue.push(itemLikeAnEvent());
    for (let taken = 0; taken < 5; taken++) queue.shift();
    return new WeakRef(first);
  };
  const first = pass();
  await turn();
  collectGarbage();
  return first.deref() !== undefined;
}

function itemLikeAnEvent(): object {
  return { kind: "caught-up", state: { generation: 0 }, generation: 0, highWatermark: 1 };
}

describe("a queue", () => {
  it("gives what came first, over any number of items", () => {
    const queue = new Fifo<number>();
    const taken: (number | undefined)[] = [];
    for (let number = 0; number < 5_000; number++) {
      queue.push(number);
      if (number % 3 !== 0) taken.push(queue.shift());
    }
    expect(queue.peek()).toBe(taken.length);
    while (queue.size > 0) taken.push(queue.shift());
    expect(taken).toEqual(Array.from({ length: 5_000 }, (_, number) => number));
    expect([queue.peek(), queue.shift()]).toEqual([undefined, undefined]);
  });

  it("that is never empty does not hold what was taken", async () => {
    expect(await isHeld(new Fifo<object>())).toBe(false);
  });

  it("of what brokers sent does not hold it either, or a reader that is behind would gather all it has read", async () => {
    const queue = new EventQueue();
    const like = { push: (item: object) => queue.push(item as ReaderEvent), shift: () => queue.shift() };
    expect(await isHeld(like)).toBe(false);
  });
});
