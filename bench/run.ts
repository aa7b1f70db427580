import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { benchCodec } from "./codec.ts";
import { benchCompaction } from "./compaction.ts";
import { benchEngine } from "./engine.ts";
import { benchGroups } from "./groups.ts";
import { benchLatency } from "./latency.ts";
import { benchMemory } from "./memory.ts";
import { benchPath } from "./path.ts";
import { benchStreams } from "./streams.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { type BenchOptions, type Part, parseOptions } from "./support/options.ts";
import { type BenchRow, type BenchTable, printTable, writeTables } from "./support/report.ts";

interface PartDefinition {
  readonly title: string;
  readonly run: (context: BenchContext) => Promise<BenchRow[]> | BenchRow[];
}

const DEFINITIONS: Readonly<Record<Part, PartDefinition>> = {
  codec: { title: "Record codec: one core, batches of 64 KiB", run: benchCodec },
  engine: { title: "Log engine: no network, batches of 64 KiB, 64 under way", run: benchEngine },
  path: {
    title: "Whole path through the SDK: producer, broker, consumer in processes of their own",
    run: benchPath,
  },
  latency: { title: "Durable acks at 5,000 records/s of 1 KiB, open loop", run: benchLatency },
  memory: { title: "Memory of the broker process", run: benchMemory },
  groups: { title: "Consumer groups over gRPC: rebalances and commits", run: benchGroups },
  compaction: {
    title: "Compaction of one log: no network, everything dirty, unthrottled",
    run: benchCompaction,
  },
  streams: { title: "Event-sourced streams", run: benchStreams },
};

/** Makes Node load what tunes the process before anything else. */
const TUNED = ["--import", new URL("../src/tune.js", import.meta.url).href];

/** Runs what the command line asks for and returns the exit status. Whatever the numbers are, that is 0. */
export async function runBench(words: readonly string[]): Promise<number> {
  const options = parseOptions(words);
  mkdirSync(options.directory, { recursive: true });
  const tables: BenchTable[] = [];
  for (const part of options.parts) {
    const { title, run } = DEFINITIONS[part];
    const rows = await inFolder(options, async (folder) => run(contextOf(options, folder)));
    const table = { part, title, rows };
    tables.push(table);
    printTable(table);
    writeTables(join(".bench", `${part}.json`), options.size, [table]);
  }
  if (options.json !== undefined) writeTables(options.json, options.size, tables);
  return 0;
}

function contextOf(options: BenchOptions, folder: string): BenchContext {
  return {
    scale: options.scale,
    folder,
    wants: (name) => name.includes(options.match),
    programOptions: options.plainPrograms ? [] : TUNED,
    profileFolder: options.profile ? join(".bench", "profiles") : undefined,
    progress: (text) => {
      if (process.stderr.isTTY) process.stderr.write(`… ${text}\n`);
    },
  };
}

/** Gives the work an empty folder, and removes it even if somebody loses patience. */
async function inFolder<Result>(
  options: BenchOptions,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(options.directory, "data-"));
  const cleanUp = () => rmSync(folder, { recursive: true, force: true });
  const onInterrupt = () => {
    cleanUp();
    process.exit(130);
  };
  process.once("SIGINT", onInterrupt);
  try {
    return await work(folder);
  } finally {
    process.off("SIGINT", onInterrupt);
    cleanUp();
  }
}
