/**
 * `npm run bench`: measures the parts one after another, prints a table of each and writes the numbers to `.bench/`.
 * libuv reads the size of its thread pool when the pool is first used, so it is set before anything else is loaded.
 */
process.env.UV_THREADPOOL_SIZE ??= "16";

const { runBench } = await import("./run.ts");
process.exitCode = await runBench(process.argv.slice(2));
