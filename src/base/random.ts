import { randomBytes } from "node:crypto";

/** Randomness as the core sees it; this file is the only one that draws any. */
export interface Random {
  /** A fraction from 0 (inclusive) to 1 (exclusive). */
  fraction(): number;
  /** A fresh 128-bit id as 32 lowercase hexadecimal digits. */
  id(): string;
}

/** The machine's randomness. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  id: () => randomBytes(16).toString("hex"),
};

/** A repeatable sequence for tests and simulations (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const word = () =>
    Math.floor(fraction() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, "0");
  return { fraction, id: () => word() + word() + word() + word() };
}
