import { expect, it } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { runCrashRounds } from "./crash-rounds.ts";

const ROUNDS = 50;

it("a broker killed under load loses, alters and reorders nothing that it acknowledged", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  const report = await runCrashRounds({ dataDir: await temporaryFolder(), rounds: ROUNDS, seed });
  console.log(report);
  expect(report.acknowledged).toBeGreaterThan(ROUNDS);
  expect(report.read).toBeGreaterThanOrEqual(report.acknowledged);
}, 600_000);
