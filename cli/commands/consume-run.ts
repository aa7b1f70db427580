import type { Reader, ReaderOptions } from "../../src/index.ts";
import { Finished } from "../cli-error.ts";
import { type EndSignal, exitCodeOf, type Io } from "../io.ts";
import { exitCodeFor, reportError } from "../output/error-report.ts";
import { RetryNotice } from "../output/retry-notice.ts";
import { type PrintOptions, RecordPrinter, recordWriterFor } from "../records/record-printer.ts";
import { assignmentsFor, type ConsumeStart } from "../records/start-position.ts";
import type { Connected } from "../connected.ts";

/** Options of `millrace consume`. */
export type ConsumeOptions = PrintOptions & {
  readonly from: ConsumeStart;
  readonly partition?: readonly number[];
  readonly count?: number;
  readonly exit?: true;
  readonly onOutOfRange: "error" | "start" | "end";
  readonly quiet?: true;
};

/** Prints records until -n, -e, a signal or the end of whoever reads them. */
export async function consume(
  io: Io,
  { client, settings }: Connected,
  topics: readonly string[],
  options: ConsumeOptions,
): Promise<void> {
  const writer = await recordWriterFor(options, settings.output);
  const reader = client.reader(readerOptions(io, options, settings.isVerbose));
  let signal: EndSignal | undefined;
  const stopListening = io.onSignal((heard) => {
    signal = heard;
    void reader.close();
  });
  const stopWatching = io.stdout.onClosed(() => void reader.close());
  const printer = new RecordPrinter(io, writer, options.count);
  try {
    const targets = { topics, partitions: options.partition, from: options.from };
    await reader.assign(await assignmentsFor(client.admin(), targets));
    const failures = await print(io, reader, printer, options.exit === true);
    for (const failure of failures) reportError(io, failure, settings.isVerbose);
    if (failures.length > 0) throw new Finished(exitCodeFor(failures[0]));
  } finally {
    stopListening();
    stopWatching();
    await reader.close();
  }
  if (options.quiet !== true && !io.stdout.isClosed) io.stderr.write(printer.summary());
  const hadAnEnd = options.count !== undefined || options.exit === true;
  // Without -n or -e a signal is the end that was meant; with them it cut the work short, and scripts must notice.
  if (signal === "SIGTERM" || (signal === "SIGINT" && hadAnEnd)) throw new Finished(exitCodeOf(signal));
}

function readerOptions(io: Io, { onOutOfRange, quiet }: ConsumeOptions, isVerbose: boolean): ReaderOptions {
  const notice = new RetryNotice(io.stderr, io.clock, { isVerbose, isQuiet: quiet === true });
  return {
    onOutOfRange,
    onReset: ({ topic, partition, from, to }) => {
      io.stderr.write(
        `offset ${from} of "${topic}", partition ${partition}, is not in the log: going on at ${to}\n`,
      );
    },
    onRetry: (error) => notice.retrying(error),
  };
}

/** Returns what failed: nothing, or one failure for each partition that could not be read to its end. */
async function print(io: Io, reader: Reader, printer: RecordPrinter, stopAtEnd: boolean): Promise<unknown[]> {
  try {
    for await (const batch of reader.batches({ stopAtEnd })) {
      printer.print(batch);
      await io.stdout.ready();
      if (printer.isDone) break;
    }
    return [];
  } catch (thrown) {
    return [thrown, ...(await remainingFailures(reader))];
  }
}

/** The failures of partitions that are known and not thrown yet. Nothing more is read. */
async function remainingFailures(reader: Reader): Promise<unknown[]> {
  const failures: unknown[] = [];
  reader.unassign(reader.assignments());
  for (;;) {
    try {
      await reader.batches({ stopAtEnd: true }).next();
      return failures;
    } catch (thrown) {
      failures.push(thrown);
    }
  }
}
