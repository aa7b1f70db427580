import type { ConsumedBatch, Reader, ReaderOptions } from "../../src/index.ts";
import { Finished, usageError } from "../cli-error.ts";
import { type EndSignal, exitCodeOf, type Io } from "../io.ts";
import { exitCodeFor, reportError } from "../output/error-report.ts";
import { type OutputFormat, yamlWriterFor } from "../output/print.ts";
import { formatBytes, formatCount, formatCounted, formatDuration, perSecond } from "../output/quantities.ts";
import { RetryNotice } from "../output/retry-notice.ts";
import { ByteSink } from "../records/byte-sink.ts";
import { compileFormat, type RecordWriter } from "../records/record-format.ts";
import { writeJson, yamlRecordWriter } from "../records/record-json.ts";
import { assignmentsFor, type ConsumeStart } from "../records/start-position.ts";
import type { Connected } from "../connected.ts";

/** Options of `millrace consume`. */
export type ConsumeOptions = {
  readonly from: ConsumeStart;
  readonly partition?: readonly number[];
  readonly count?: number;
  readonly exit?: true;
  readonly format?: string;
  readonly nullValue: string;
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
  const writer = await writerFor(options, settings.output);
  const reader = client.reader(readerOptions(io, options, settings.isVerbose));
  let signal: EndSignal | undefined;
  const stopListening = io.onSignal((heard) => {
    signal = heard;
    void reader.close();
  });
  const stopWatching = io.stdout.onClosed(() => void reader.close());
  const printing = new Printing(io, writer, options.count ?? Number.POSITIVE_INFINITY);
  try {
    const targets = { topics, partitions: options.partition, from: options.from };
    await reader.assign(await assignmentsFor(client.admin(), targets));
    const failures = await printing.run(reader, options.exit === true);
    for (const failure of failures) reportError(io, failure, settings.isVerbose);
    if (failures.length > 0) throw new Finished(exitCodeFor(failures[0]));
  } finally {
    stopListening();
    stopWatching();
    await reader.close();
  }
  if (options.quiet !== true && !io.stdout.isClosed) io.stderr.write(printing.summary());
  const hadAnEnd = options.count !== undefined || options.exit === true;
  // Without -n or -e a signal is the end that was meant; with them it cut the work short, and scripts must notice.
  if (signal === "SIGTERM" || (signal === "SIGINT" && hadAnEnd)) throw new Finished(exitCodeOf(signal));
}

async function writerFor({ format, nullValue }: ConsumeOptions, output: OutputFormat): Promise<RecordWriter> {
  if (format !== undefined && output !== "table") {
    throw usageError(`--format prints text; leave it out with --output ${output}`);
  }
  if (output === "json") return writeJson;
  const yaml = await yamlWriterFor(output);
  return yaml === undefined
    ? compileFormat(format ?? "%v", Buffer.from(nullValue, "utf8"))
    : yamlRecordWriter(yaml);
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

/** Writes batches to stdout and counts. */
class Printing {
  readonly #io: Io;
  readonly #write: RecordWriter;
  readonly #countMax: number;
  readonly #sink: ByteSink;
  readonly #startedMs: number;
  #records = 0;
  /** Bytes of keys and values. */
  #bytes = 0;

  constructor(io: Io, write: RecordWriter, countMax: number) {
    this.#io = io;
    this.#write = write;
    this.#countMax = countMax;
    this.#sink = new ByteSink(io.stdout);
    this.#startedMs = io.clock.monotonicMs();
  }

  /** Returns what failed: nothing, or one failure for each partition that could not be read to its end. */
  async run(reader: Reader, stopAtEnd: boolean): Promise<unknown[]> {
    const { stdout } = this.#io;
    try {
      for await (const batch of reader.batches({ stopAtEnd })) {
        this.#print(batch);
        this.#sink.flush();
        await stdout.ready();
        if (this.#records >= this.#countMax || stdout.isClosed) break;
      }
      return [];
    } catch (thrown) {
      return [thrown, ...(await remainingFailures(reader))];
    } finally {
      this.#sink.flush();
    }
  }

  #print(batch: ConsumedBatch): void {
    const cursor = batch.records();
    while (this.#records < this.#countMax && cursor.next()) {
      this.#records++;
      this.#bytes += (cursor.keyLength ?? 0) + (cursor.valueLength ?? 0);
      this.#write(this.#sink, batch, cursor, this.#records);
    }
  }

  summary(): string {
    const durationMs = this.#io.clock.monotonicMs() - this.#startedMs;
    const rates = `${formatCount(perSecond(this.#records, durationMs))} records/s, ${formatBytes(perSecond(this.#bytes, durationMs))}/s`;
    return `${formatCounted(this.#records, "record")}: ${formatBytes(this.#bytes)} in ${formatDuration(durationMs)}, ${rates}\n`;
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
