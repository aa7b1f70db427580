/** Throws if an invariant of our own code does not hold: a defect, never a caller's mistake. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new AssertionFailure(invariant);
}

/** A broken invariant. It is not caught below the process or the RPC that met it. */
export class AssertionFailure extends Error {
  override name = "AssertionFailure";
  constructor(invariant: string) {
    super(`invariant broken: ${invariant}`);
  }
}
