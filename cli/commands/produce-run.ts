import { BATCH_BYTES_MAX } from "../../src/base/index.ts";
import type { Compression, Durability, ProducerOptions, ProducerStats } from "../../src/index.ts";
import type { MillraceError } from "../../src/errors/index.ts";
import type { NameValue } from "../arguments/name-value.ts";
import { ExitCode, Finished } from "../cli-error.ts";
import { type EndSignal, exitCodeOf, type Io } from "../io.ts";
import { withPlainDeadline } from "../output/deadline.ts";
import { exitCodeFor, reportError } from "../output/error-report.ts";
import { printResult } from "../output/print.ts";
import { Progress } from "../output/progress.ts";
import { formatBytes, formatCount, formatCounted, formatDuration, perSecond } from "../output/quantities.ts";
import { RetryNotice } from "../output/retry-notice.ts";
import { openInput } from "../records/input.ts";
import type { RecordParser } from "../records/line-records.ts";
import { produceLines } from "../records/produce-lines.ts";
import type { Connected } from "../connected.ts";

/** Options of `millrace produce`. */
export type ProduceOptions = {
  readonly file?: string;
  readonly format: "line" | "json";
  readonly keySeparator?: Buffer;
  readonly nullValue?: string;
  readonly header?: readonly NameValue[];
  readonly partition?: number;
  readonly durability?: Durability;
  readonly compression: Compression;
  readonly linger?: number;
  readonly batch?: number;
  readonly quiet?: true;
};

/** What to produce. */
export interface ProduceTask {
  readonly topic: string;
  readonly options: ProduceOptions;
  readonly parse: RecordParser;
}

/**
 * Produces the input and tells what became of it. Ends with exit code 1 if a record failed, 3 if its topic or partition
 * does not exist, and never with 4: the same command must not just be repeated, for records before the failed one were
 * appended. An interrupted one finishes what it had read.
 */
export async function produce(io: Io, { client, settings }: Connected, task: ProduceTask): Promise<void> {
  const { topic, options, parse } = task;
  // A mistyped topic is told before a byte is read.
  await client.admin().describeTopic(topic);
  const input = await openInput(io, options.file);
  let failure: MillraceError | undefined;
  let signal: EndSignal | undefined;
  const producer = client.producer({
    ...producerOptions(options),
    onError: ({ error }) => {
      failure ??= error;
      input.stop();
    },
    onRetry: (error) => notice.retrying(error),
  });
  const stopListening = io.onSignal((heard) => {
    signal = heard;
    input.stop();
    tellWaiting(io, producer.stats, options.quiet === true);
  });
  // Nobody wants the line painted over that is being typed.
  const isTyped = input.bytesTotal === undefined && io.stdin.isTTY === true;
  const isShown = options.quiet !== true && !isTyped;
  const progress = new Progress(io.stderr, io.clock, { bytesTotal: input.bytesTotal, isShown });
  const notice = new RetryNotice(io.stderr, io.clock, {
    isVerbose: settings.isVerbose,
    isQuiet: options.quiet === true,
    makeWay: () => progress.clear(),
  });
  const job = { topic, input, parse, producer, progress, lineBytesMax: BATCH_BYTES_MAX };
  const error = await produceLines(job, () => failure);
  stopListening();
  progress.clear();
  if (error !== undefined) reportError(io, withPlainDeadline(error, settings.timeoutMs), settings.isVerbose);
  if (options.quiet !== true || error !== undefined) {
    io.stderr.write(summaryOf(producer.stats, progress.elapsedMs));
  }
  if (settings.output !== "table") {
    const printer = { stdout: io.stdout, format: settings.output };
    await printResult(printer, resultOf(topic, producer.stats, progress.elapsedMs), () => "");
  }
  if (error !== undefined) {
    const isMissing = exitCodeFor(error) === ExitCode.notFound;
    throw new Finished(isMissing ? ExitCode.notFound : ExitCode.failure);
  }
  if (signal !== undefined) throw new Finished(exitCodeOf(signal));
}

/** After a signal: what was read is still sent, which may take as long as a broker is away. */
function tellWaiting(
  io: Io,
  { records, recordsAcknowledged, recordsFailed }: ProducerStats,
  isQuiet: boolean,
) {
  const left = records - recordsAcknowledged - recordsFailed;
  if (isQuiet || left === 0) return;
  const acknowledged = `${formatCounted(recordsAcknowledged, "record")} acknowledged`;
  io.stderr.write(`${acknowledged}, waiting for ${formatCount(left)} more; a second signal leaves them\n`);
}

function producerOptions(options: ProduceOptions): ProducerOptions {
  const { compression, durability, linger, batch } = options;
  return {
    compression,
    ...(durability === undefined ? {} : { durability }),
    ...(linger === undefined ? {} : { lingerMs: linger }),
    ...(batch === undefined ? {} : { batchBytes: batch }),
  };
}

/** What `-o json` prints; without `durability` where nothing was acknowledged. */
function resultOf(topic: string, stats: ProducerStats, elapsedMs: number) {
  const { records, recordsAcknowledged, recordsDurable, bytesAcknowledged } = stats;
  const durability: Durability = recordsDurable === recordsAcknowledged ? "durable" : "written";
  return {
    topic,
    records,
    recordsAcknowledged,
    recordsDurable,
    bytesAcknowledged,
    ...(recordsAcknowledged === 0 ? {} : { durability }),
    elapsedMs: Math.round(elapsedMs),
  };
}

/** "20,000 records acknowledged as durable: 4.2 MB in 310 ms, 64,516 records/s, 13.5 MB/s". */
function summaryOf(stats: ProducerStats, durationMs: number): string {
  const { records, recordsAcknowledged, bytesAcknowledged } = stats;
  const of = recordsAcknowledged === records ? "" : `${formatCount(recordsAcknowledged)} of `;
  const rates = `${formatCount(perSecond(recordsAcknowledged, durationMs))} records/s, ${formatBytes(perSecond(bytesAcknowledged, durationMs))}/s`;
  const amount = `${formatBytes(bytesAcknowledged)} in ${formatDuration(durationMs)}`;
  return `${of}${formatCounted(records, "record")} acknowledged${durabilityOf(stats)}: ${amount}, ${rates}\n`;
}

function durabilityOf({ recordsAcknowledged, recordsDurable }: ProducerStats): string {
  if (recordsAcknowledged === 0) return "";
  if (recordsDurable === recordsAcknowledged) return " as durable";
  if (recordsDurable === 0) return " as written";
  const written = recordsAcknowledged - recordsDurable;
  return ` (${formatCount(recordsDurable)} as durable, ${formatCount(written)} as written)`;
}
