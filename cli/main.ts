#!/usr/bin/env node
/** The entry of the `millrace` command. What tunes the process must be the first thing that is loaded. */
import "../src/tune.ts";
import { systemClock } from "../src/base/index.ts";
import { NodeFileSystem } from "../src/fs/index.ts";
import { ioOf, onProcessSignal } from "./io.ts";
import { run } from "./run.ts";

const io = ioOf(process, { fs: new NodeFileSystem(), clock: systemClock, onSignal: onProcessSignal });
const exitCode = await run(process.argv.slice(2), io);
await Promise.all([io.stdout.flush(), io.stderr.flush()]);
// Nothing that is left open (a channel that reconnects, a stdin nobody reads) may keep a finished command alive.
process.exit(exitCode);
