/**
 * `import "millrace/tune"`, before anything else: settings of Node for a process that moves bulk data. The command
 * line has them; a program may, since they concern the whole process.
 *
 * libuv reads the size of its thread pool when the pool is first used; its default of 4 would let only four fsyncs run
 * at once.
 *
 * Every message that grpc-js sends or receives has a buffer of its own outside V8's heap. V8 frees those of dead
 * messages only when it collects the few objects that point to them, and its presets wait for too many of these:
 * buffers pile up until full collections must free them, each of which holds the event loop for milliseconds. Measured
 * for a reader of 1 KiB records (broker): 31 -> 8 full collections per GB, 1.3 -> 1.0 s of CPU, 279 -> 200 MB resident;
 * the reading program went from 1.6 to 0.8 s.
 */
import { setFlagsFromString } from "node:v8";

process.env.UV_THREADPOOL_SIZE ??= "16";

const FLAGS = [
  // Collects the young objects after 4 MiB of them instead of 16 or 32, and their buffers with them.
  "--scavenger-max-new-space-capacity-mb=4",
  // Buffers count together with the heap; else a full collection follows every few megabytes that passed through.
  "--external-memory-accounted-in-global-limit",
  // The next full collection when heap and buffers are 2.75 times what the last one left, instead of about 1.5 times.
  "--heap-growing-percent=175",
];

/** The release line whose V8 they were measured on. Flags come and go with V8, which complains of unknown ones. */
const MEASURED_MAJOR = "24";
if (process.versions.node.split(".")[0] === MEASURED_MAJOR) {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
