/**
 * Members of two groups are killed, stopped, added and removed, and the broker is killed, round after round; then the
 * whole history is checked.
 */
import { join } from "node:path";
import { type Random, seededRandom, sleep, systemClock } from "../../../src/base/index.ts";
import { checkHistory, type Counts } from "./checker/check-history.ts";
import { describeFinding } from "./checker/finding.ts";
import { readHistory } from "./checker/history-file.ts";
import { FAULTS, startFirstMembers } from "./faults.ts";
import { GroupCluster } from "./group-cluster.ts";

const FINDINGS_TOLD = 20;
/** Of most rounds the groups see the end before the next one begins. */
const SETTLED_SHARE = 0.7;
const SECOND_FAULT_SHARE = 0.4;

/** How hard to try. */
export interface GroupRoundsOptions {
  /** An empty folder for data and history. */
  readonly folder: string;
  readonly rounds: number;
  readonly seed: number;
  /** Hears of each round. */
  readonly onRound?: (text: string) => void;
}

/** What came of it. */
export interface GroupRoundsReport {
  /** What is wrong, as text; empty if nothing is. */
  readonly failures: readonly string[];
  readonly counts: Counts;
}

/** Runs the rounds on one data folder and checks their history. */
export async function runGroupRounds(options: GroupRoundsOptions): Promise<GroupRoundsReport> {
  const { folder, rounds, seed } = options;
  const random = seededRandom(seed);
  const cluster = await GroupCluster.start({ folder, seed });
  try {
    startFirstMembers(cluster);
    await cluster.settle();
    const faults = faultDeck(random);
    for (let round = 1; round <= rounds && cluster.problems.length === 0; round++)
      await runRound(cluster, random, faults, (text) =>
        options.onRound?.(`round ${round}/${rounds}: ${text}`),
      );
    await cluster.finish();
  } catch (error) {
    cluster.problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await cluster.close();
  }
  const { findings, counts } = checkHistory(await readHistory(join(folder, "history")));
  const told = findings.slice(0, FINDINGS_TOLD).map(describeFinding);
  const untold = findings.length - told.length;
  return { failures: [...cluster.problems, ...told, ...(untold > 0 ? [`and ${untold} more`] : [])], counts };
}

type FaultName = keyof typeof FAULTS;

/** All faults in random order, the broker twice, again and again. */
function* faultDeck(random: Random): Generator<FaultName, never> {
  for (;;) {
    const names: FaultName[] = [...(Object.keys(FAULTS) as FaultName[]), "kill the broker"];
    while (names.length > 0) yield names.splice(Math.floor(random.fraction() * names.length), 1)[0]!;
  }
}

async function runRound(
  cluster: GroupCluster,
  random: Random,
  faults: Generator<FaultName, never>,
  tell: (text: string) => void,
): Promise<void> {
  const begin = systemClock.monotonicMs();
  const names = [faults.next().value];
  // A broker is killed once at a time.
  if (random.fraction() < SECOND_FAULT_SHARE)
    names.push(random.fraction() < 0.5 ? "kill a member" : "stop a member");
  await Promise.all(
    names.map(async (name) => {
      // Faults draw at the same time: each from its own, so that a seed means the same in every run.
      const own = seededRandom(random.fraction() * 2 ** 32);
      await sleep(systemClock, own.fraction() * 300);
      await FAULTS[name](cluster, own);
    }),
  );
  const isSettled = random.fraction() < SETTLED_SHARE;
  if (isSettled) await cluster.settle();
  await cluster.observe();
  const ms = Math.round(systemClock.monotonicMs() - begin);
  tell(`${names.join(", ")}${isSettled ? ", settled" : ""}, ${ms} ms`);
}
