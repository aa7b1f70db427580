/** `millrace consume -g`: prints as a member of a consumer group, and commits what stdout has taken. */
import type { Client, GroupConsumer, GroupConsumerOptions, TopicPartition } from "../../src/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { Finished, usageError } from "../cli-error.ts";
import type { Connected } from "../connected.ts";
import { type EndSignal, exitCodeOf, type Io } from "../io.ts";
import { partitionsText } from "../output/partition-lists.ts";
import { formatCounted } from "../output/quantities.ts";
import { RetryNotice } from "../output/retry-notice.ts";
import { type PrintOptions, RecordPrinter, recordWriterFor } from "../records/record-printer.ts";
import type { ConsumeStart } from "../records/start-position.ts";
import { GroupEnd } from "./group-end.ts";

/** So much is printed again at most, by whoever goes on, after a member was killed. */
const COMMIT_INTERVAL_MS = 1_000;

/** Options of `millrace consume -g`. */
export type ConsumeGroupOptions = PrintOptions & {
  readonly group: string;
  readonly pattern?: string;
  readonly instance?: string;
  readonly assignor?: "uniform" | "range";
  readonly sessionTimeout?: number;
  readonly onGap?: "fail" | "start" | "end";
  readonly from: ConsumeStart;
  readonly count?: number;
  readonly exit?: true;
  readonly quiet?: true;
};

/** Prints records until -n, -e, a signal or the end of whoever reads them; then commits and leaves. */
export async function consumeGroup(
  io: Io,
  { client, settings }: Connected,
  topics: readonly string[],
  options: ConsumeGroupOptions,
): Promise<void> {
  const { instance, count } = options;
  const writer = await recordWriterFor(options, settings.output);
  await tellMissing(io, client, topics, options.exit === true);
  const end = options.exit === true ? new GroupEnd(client.admin(), startOf(options)) : undefined;
  const consumer = client.consumer(consumerOptions(io, topics, options, settings.isVerbose, end));
  let signal: EndSignal | undefined;
  const stops = [
    io.onSignal((heard) => {
      signal = heard;
      consumer.stop();
    }),
    io.stdout.onClosed(() => consumer.stop()),
    end?.watch(consumer, io.clock) ?? (() => {}),
  ];
  const printer = new RecordPrinter(io, writer, count);
  try {
    if (signal === undefined) await print(io, consumer, printer, end);
  } finally {
    for (const stop of stops) stop();
    // A name that stays keeps its partitions for whoever bears it next.
    await consumer.close({ leave: instance === undefined });
  }
  if (options.quiet !== true && !io.stdout.isClosed) io.stderr.write(printer.summary());
  const hadAnEnd = count !== undefined || end !== undefined;
  if (signal === "SIGTERM" || (signal === "SIGINT" && hadAnEnd)) throw new Finished(exitCodeOf(signal));
}

/**
 * A batch counts as done when the next is asked for, so that is done once stdout has taken it. One that was not printed
 * whole, or not taken, is left undecided; of one that was cut by -n, what was printed is committed by hand.
 */
async function print(
  { stdout }: Io,
  consumer: GroupConsumer,
  printer: RecordPrinter,
  end: GroupEnd | undefined,
): Promise<void> {
  for await (const batch of consumer.batches()) {
    const offset = printer.print(batch);
    await stdout.flush();
    if (stdout.isClosed) return;
    const { topic, partition } = batch;
    if (printer.isDone) return consumer.commit([{ topic, partition, offset }]);
    end?.reached({ topic, partition }, offset);
  }
}

function consumerOptions(
  io: Io,
  topics: readonly string[],
  options: ConsumeGroupOptions,
  isVerbose: boolean,
  end: GroupEnd | undefined,
): GroupConsumerOptions {
  const { group, pattern, instance, assignor, sessionTimeout, onGap, quiet } = options;
  const notice = new RetryNotice(io.stderr, io.clock, { isVerbose, isQuiet: quiet === true });
  const tell = (text: string) => {
    if (quiet !== true) io.stderr.write(`${text}\n`);
  };
  return {
    group,
    topics,
    startFrom: startOf(options),
    autoCommitIntervalMs: COMMIT_INTERVAL_MS,
    ...(onGap === undefined ? {} : { onGap }),
    ...(pattern === undefined ? {} : { topicPattern: pattern }),
    ...(instance === undefined ? {} : { instanceId: instance }),
    ...(assignor === undefined ? {} : { assignor }),
    ...(sessionTimeout === undefined ? {} : { sessionTimeoutMs: sessionTimeout }),
    onReset: ({ topic, partition, from, to, lost }) => {
      const gap = lost === 0 ? "" : `; ${formatCounted(lost, "record")} of the group are lost`;
      io.stderr.write(`offset ${from} of "${topic}", partition ${partition}: going on at ${to}${gap}\n`);
    },
    onAssigned: async (partitions) => {
      tell(`assigned: ${partitionsText(partitions)}`);
      await end?.assigned(partitions);
    },
    onRevoked: (partitions) => {
      tell(`given up: ${partitionsText(partitions)}`);
      end?.gone(partitions);
    },
    onLost: (partitions, why) => {
      tell(`lost: ${partitionsText(partitions)}: ${why.message} [${why.reason}]`);
      end?.gone(partitions);
    },
    onCaughtUp: (partition: TopicPartition) => end?.caughtUp(partition),
    onRetry: (error) => notice.retrying(error),
  };
}

/** Where to begin without a committed offset: other places are not the group's, but of whoever seeks it there. */
function startOf({ from, group }: ConsumeGroupOptions): "start" | "end" {
  if (from === "start" || from === "end") return from;
  throw usageError(
    `with --group, --from is "start" or "end" and holds where the group has committed nothing; move it with "millrace group seek ${group}"`,
  );
}

/** A group waits for topics that do not exist, and so would somebody who mistyped a name. */
async function tellMissing(
  { stderr }: Io,
  client: Client,
  topics: readonly string[],
  mustExist: boolean,
): Promise<void> {
  for (const topic of topics) {
    try {
      await client.admin().describeTopic(topic);
    } catch (error) {
      const isMissing = error instanceof MillraceError && error.reason === "TOPIC_NOT_FOUND";
      if (!isMissing || mustExist) throw error;
      stderr.write(`waiting for a topic: ${error.message}\n`);
    }
  }
}
