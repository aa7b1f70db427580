/**
 * `npm run bench`: measures the parts one after another, prints a table of each and writes the numbers to `.bench/`.
 * This process is tuned as a broker's is, for the engine runs in it; that must be the first thing that is loaded.
 */
import "../src/tune.ts";
import { runBench } from "./run.ts";

process.exitCode = await runBench(process.argv.slice(2));
