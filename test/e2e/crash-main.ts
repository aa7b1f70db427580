/** `npm run test:crash -- --rounds N [--seed S]`: the kill rounds, as long as wanted. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCrashRounds } from "./crash-rounds.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new TypeError(`--rounds ${values.rounds}: a whole number from 1 on`);
if (!Number.isInteger(seed)) throw new TypeError(`--seed ${values.seed}: a whole number`);

const dataDir = await mkdtemp(join(tmpdir(), "millrace-crash-"));
console.log(`${rounds} rounds, seed ${seed}`);
const report = await runCrashRounds({ dataDir, rounds, seed, onRound: (text) => console.log(text) });
await rm(dataDir, { recursive: true });
console.log(
  `${report.acknowledged} acknowledged, ${report.read} read back: lost 0, altered 0, reordered 0;`,
  `${report.unacknowledgedFound} of unknown outcome turned up`,
);
