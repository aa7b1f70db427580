import type { Clock } from "../../base/index.ts";

/** Waits for a promise, at most so long; false if it has not settled by then. Throws what it is rejected with in time. */
export async function within(clock: Clock, timeoutMs: number, promise: Promise<unknown>): Promise<boolean> {
  let expire = () => {};
  const expired = new Promise<false>((resolve) => {
    expire = () => resolve(false);
  });
  const timer = clock.schedule(Math.max(0, timeoutMs), expire, "keep-alive");
  try {
    return await Promise.race([promise.then(() => true), expired]);
  } finally {
    timer.cancel();
  }
}
