import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runGroupRounds } from "./group-rounds.ts";

const ROUNDS = 20;

it("groups lose, skip and share nothing while members and broker are killed, stopped and added", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const folder = await mkdtemp(join(tmpdir(), "millrace-groups-"));
  const rounds: string[] = [];
  const { failures, counts } = await runGroupRounds({
    folder,
    rounds: ROUNDS,
    seed,
    onRound: (text) => rounds.push(text),
  });
  console.log({ seed, ...counts });
  // What failed stays, to be looked at.
  const where = `seed ${seed}; history and data stay in ${folder}\n${rounds.join("\n")}`;
  expect(failures.join("\n\n"), where).toBe("");
  await rm(folder, { recursive: true });
  expect(counts.membersKilled).toBeGreaterThan(2);
  expect(counts.membersStopped).toBeGreaterThan(2);
  expect(counts.brokerKills).toBeGreaterThan(2);
  expect(counts.lateCommitsRefused).toBeGreaterThan(0);
}, 600_000);
