/** A promise that a test opens when it wants what waits for it to go on. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** A gate that is closed. */
export function closedGate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** What has become of a promise so far. */
export interface Watched {
  state: "pending" | "resolved" | "rejected";
  value: unknown;
}

/** Watches a promise without waiting for it. */
export function watch(promise: Promise<unknown>): Watched {
  const watched: Watched = { state: "pending", value: undefined };
  promise.then(
    (value) => Object.assign(watched, { state: "resolved", value }),
    (error: unknown) => Object.assign(watched, { state: "rejected", value: error }),
  );
  return watched;
}
