/** `npm run test:groups -- --rounds N [--seed S]`: the rounds of consumer groups, as long as wanted. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runGroupRounds } from "./groups/group-rounds.ts";

/** Rounds of one data folder and one history: what is checked at a time. */
const ROUNDS_AT_A_TIME = 20;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const rounds = Number(values.rounds);
let seed = Number(values.seed);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new TypeError(`--rounds ${values.rounds}: a whole number from 1 on`);
if (!Number.isInteger(seed)) throw new TypeError(`--seed ${values.seed}: a whole number`);

for (let done = 0; done < rounds; done += ROUNDS_AT_A_TIME, seed++) {
  const now = Math.min(ROUNDS_AT_A_TIME, rounds - done);
  const folder = await mkdtemp(join(tmpdir(), "millrace-groups-"));
  console.log(`${now} rounds, seed ${seed}`);
  const onRound = (text: string) => console.log(text);
  const { failures, counts } = await runGroupRounds({ folder, rounds: now, seed, onRound });
  console.log(counts);
  if (failures.length > 0) {
    console.error(`seed ${seed}; history and data stay in ${folder}\n\n${failures.join("\n\n")}`);
    process.exit(1);
  }
  await rm(folder, { recursive: true });
}
