/**
 * `import "millrace/tune"`, before anything else: settings of Node for a process that moves bulk data. The command
 * line has them; a program may, since they concern the whole process.
 *
 * libuv reads the size of its thread pool when the pool is first used; its default of 4 would let only four fsyncs run
 * at once.
 *
 * V8 starts a full collection for every few megabytes of buffers that pass through, however short-lived they are,
 * because it holds them against a limit of their own. Counted together with the heap they trigger four times fewer
 * (measured on Node 24: 27 instead of 120 for a gigabyte through the broker, and 1.5 to 2 times the throughput).
 */
import { setFlagsFromString } from "node:v8";

process.env.UV_THREADPOOL_SIZE ??= "16";

/** First release line whose V8 has the flag; an unknown one would be complained of on stderr. */
const FIRST_MAJOR_WITH_FLAG = 24;
const major = Number(process.versions.node.split(".")[0]);
if (major >= FIRST_MAJOR_WITH_FLAG) setFlagsFromString("--external-memory-accounted-in-global-limit");
