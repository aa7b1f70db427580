/**
 * A thread that ticks: timers of the event loop come up to a millisecond late, and waiting for less would keep a core
 * busy. A thread can sleep for fractions of a millisecond.
 */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../src/base/index.ts";

const { intervalMs } = workerData as { readonly intervalMs: number };
const never = new Int32Array(new SharedArrayBuffer(4));

let nextMs = systemClock.monotonicMs();
for (;;) {
  nextMs += intervalMs;
  const waitMs = nextMs - systemClock.monotonicMs();
  if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs);
  else nextMs -= waitMs; // it was held up: no volley of ticks to make up for it
  parentPort?.postMessage(undefined);
}
