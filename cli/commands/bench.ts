import { Command, Option } from "commander";
import { BATCH_BYTES_MAX } from "../../src/base/index.ts";
import { COMPRESSIONS } from "../arguments/compressions.ts";
import { byteSize, wholeNumber } from "../arguments/quantities.ts";
import { type BenchOptions, benchConsume, benchProduce } from "./bench-run.ts";
import type { Io } from "../io.ts";
import { withConnection } from "../connected.ts";

const EXAMPLES = `
Examples:
  millrace bench produce
  millrace bench produce --records 1000000 --size 100 --partitions 6
  millrace bench produce --rate 5000 --records 50000        latency at a steady 5,000 records/s
  millrace bench consume --records 1000000 --size 1KiB
  millrace bench consume --topic orders -o json             read what is there

Without --topic a topic is created for the test and deleted afterwards. Load is real: it takes disk space, and
competes with others on the same broker.`;

const RECORDS_DEFAULT = 200_000;
const SIZE_DEFAULT = 1_024;
const BATCH_DEFAULT = 262_144;
const BATCH_OVERHEAD_BYTES = 512;

/** `millrace bench`: measures a broker through the SDK. */
export function benchCommand(io: Io): Command {
  const command = new Command("bench")
    .summary("measure throughput and latency")
    .description("Measures throughput and latency of a broker, through the SDK and the network.")
    .addHelpText("after", EXAMPLES);
  const produce = command
    .command("produce")
    .description("Appends records and measures how fast they are acknowledged.");
  withLoadOptions(produce)
    .option(
      "--rate <n>",
      "records a second (default: as many as possible)",
      wholeNumber({ min: 1, max: 100_000_000 }),
    )
    .addHelpText("after", EXAMPLES)
    .action((options: BenchOptions, self: Command) =>
      withConnection(io, self, (connected) => benchProduce(io, connected, options)),
    );
  const consume = command
    .command("consume")
    .description("Reads a topic from start to end and measures how fast.");
  withLoadOptions(consume)
    .addHelpText("after", EXAMPLES)
    .action((options: BenchOptions, self: Command) =>
      withConnection(io, self, (connected) => benchConsume(io, connected, options)),
    );
  return command;
}

function withLoadOptions(command: Command): Command {
  return command
    .option("--topic <name>", "topic to use; it is kept (default: one made for the test)")
    .addOption(
      new Option("-n, --records <n>", "number of records")
        .argParser(wholeNumber({ min: 1, max: 10_000_000_000 }))
        .default(RECORDS_DEFAULT),
    )
    .addOption(
      new Option("--size <size>", "bytes of each value")
        .argParser(byteSize({ min: 0, max: BATCH_BYTES_MAX - BATCH_OVERHEAD_BYTES }))
        .default(SIZE_DEFAULT),
    )
    .addOption(
      new Option("--partitions <n>", "partitions of a topic that is created")
        .argParser(wholeNumber({ min: 1, max: 10_000 }))
        .default(6),
    )
    .addOption(
      new Option("--batch <size>", "bytes at which a batch is closed")
        .argParser(byteSize({ min: 1_024, max: BATCH_BYTES_MAX }))
        .default(BATCH_DEFAULT),
    )
    .addOption(
      new Option("-z, --compression <codec>", "compress batches").choices(COMPRESSIONS).default("none"),
    )
    .addOption(
      new Option("--acks <level>", "what acknowledged means: flushed to disk, or written to the page cache")
        .choices(["durable", "written"])
        .default("durable"),
    );
}
