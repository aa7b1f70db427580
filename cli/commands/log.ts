import { Command } from "commander";
import { wholeNumber } from "../arguments/quantities.ts";
import type { Io } from "../io.ts";
import { dumpPath } from "./log-dump.ts";
import { verifyPath } from "./log-verify.ts";

const EXAMPLES = `
Examples:
  millrace log verify data                                       everything below a data folder
  millrace log verify data/partitions/orders-0
  millrace log dump data/partitions/orders-0 --records -n 20
  millrace log dump data/partitions/orders-0/00000000000000000000.timeindex`;

const DUMP_HELP = `
Examples:
  millrace log dump data/partitions/orders-0                     one line for each batch
  millrace log dump data/partitions/orders-0 --records -o json | jq 'select(.kind == "record").value'
  millrace log dump data/partitions/orders-0/00000000000000000000.log
  millrace log dump data/partitions/orders-0/00000000000000000000.index

Damaged bytes are shown in their place, and the dump goes on after them; the exit code is then 1.`;

const VERIFY_HELP = `
Examples:
  millrace log verify data
  millrace log verify data/partitions/orders-0
  millrace log verify data/partitions/orders-0/00000000000000000000.log
  millrace log verify data -o json | jq -r .file | sort -u

Checks the checksum, frame and records of every batch, that offsets follow each other within and across segments,
that index entries point at batches, and the checkpoints. Everything found is one line on stdout. A running broker may
be in the middle of a write: its newest batch can then look torn.

Exit codes: 0 nothing is damaged, 1 something is, 3 there is nothing at this path.`;

/** `millrace log`: looks at files, without a broker. */
export function logCommand(io: Io): Command {
  const command = new Command("log")
    .summary("look into data files, without a broker")
    .description("Shows and checks the files of a data folder. Only reads; no broker is asked.")
    .addHelpText("after", EXAMPLES);
  command
    .command("dump <path>")
    .description("Shows the batches of segments, or the entries of an index.")
    .option("--records", "show the records too")
    .option(
      "-n, --count <n>",
      "stop after so many lines",
      wholeNumber({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    )
    .addHelpText("after", DUMP_HELP)
    .action((path: string, options: { records?: true; count?: number }, self: Command) =>
      dumpPath(io, self, path, options),
    );
  command
    .command("verify <path>")
    .description("Checks a data folder, a partition's folder or one segment, and tells all that is damaged.")
    .option("-q, --quiet", "no summary, and no notices of what the broker mends by itself")
    .addHelpText("after", VERIFY_HELP)
    .action((path: string, options: { quiet?: true }, self: Command) => verifyPath(io, self, path, options));
  return command;
}
