/**
 * In memory and with a manual clock everything happens in microtasks, which one turn of the event loop runs to their
 * end: what has not settled then never will.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The outcome of a promise that needs no time, or an error that it hangs. */
export async function settled<T>(promise: Promise<T>, what: string): Promise<T> {
  let isSettled = false;
  const watched = promise.finally(() => {
    isSettled = true;
  });
  watched.catch(() => undefined);
  for (let turns = 0; turns < 4 && !isSettled; turns++) await turn();
  if (!isSettled) throw new Error(`${what} hangs`);
  return watched;
}
