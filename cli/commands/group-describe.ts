/** `millrace group describe`, once or again and again. */
import type { Command } from "commander";
import type { Admin } from "../../src/index.ts";
import type { Clock } from "../../src/base/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { Finished } from "../cli-error.ts";
import { withConnection } from "../connected.ts";
import { exitCodeOf, type EndSignal, type Io } from "../io.ts";
import { groupFindings } from "../output/group-findings.ts";
import { type GroupReport, groupText } from "../output/group-tables.ts";
import { type OutputFormat, printResult, streamResult, yamlWriterFor } from "../output/print.ts";
import { formatDuration } from "../output/quantities.ts";
import { RetryNotice } from "../output/retry-notice.ts";
import { Screen } from "../output/screen.ts";
import { formatTimestamp } from "../records/timestamp.ts";
import type { Settings } from "../settings/settings.ts";

/** Options of `group describe`. */
export type DescribeOptions = {
  /** The only topic to tell of. */
  readonly topic?: string;
  /** Milliseconds between two looks. */
  readonly watch?: number;
};

/** Prints a group once, or until a signal. */
export async function describeGroup(
  io: Io,
  command: Command,
  name: string,
  { topic, watch }: DescribeOptions,
): Promise<void> {
  await withConnection(io, command, async ({ client, settings }) => {
    const look = () => lookAt(client.admin(), name, topic, io.clock);
    if (watch !== undefined) return watchGroup(io, settings, look, watch);
    const report = await look();
    const printer = { stdout: io.stdout, format: settings.output };
    await printResult(printer, report, () => groupText(report, io.stdout));
  });
}

async function lookAt(
  admin: Admin,
  name: string,
  topic: string | undefined,
  clock: Clock,
): Promise<GroupReport> {
  const group = await admin.describeGroup(name, topic === undefined ? {} : { topic });
  const timestamp = clock.nowMs();
  const lag = group.partitions.reduce((sum, partition) => sum + partition.lag, 0);
  return { timestamp, ...group, lag, findings: groupFindings(group, { nowMs: timestamp, topic }) };
}

/** Shows the group until a signal or until nobody reads stdout. A broker that is away for a while is waited for. */
async function watchGroup(
  io: Io,
  settings: Settings,
  look: () => Promise<GroupReport>,
  intervalMs: number,
): Promise<void> {
  const first = await look(); // what fails here fails for good
  const show = await shower(io, settings.output, intervalMs);
  const notice = new RetryNotice(io.stderr, io.clock, { isVerbose: settings.isVerbose, isQuiet: false });
  const ending = new Ending(io);
  try {
    await show(first);
    while (await ending.isAwayFor(intervalMs)) {
      try {
        await show(await look());
      } catch (thrown) {
        if (!(thrown instanceof MillraceError) || thrown.retry !== "same") throw thrown;
        notice.retrying(thrown);
      }
    }
  } finally {
    ending.stop();
  }
  if (ending.signal === "SIGTERM") throw new Finished(exitCodeOf(ending.signal));
}

/** In place at a terminal; elsewhere one after the other: texts, lines of JSON, or YAML documents. */
async function shower(
  { stdout }: Io,
  format: OutputFormat,
  intervalMs: number,
): Promise<(report: GroupReport) => Promise<void>> {
  const yaml = await yamlWriterFor(format);
  const screen = stdout.isTerminal && format === "table" ? new Screen(stdout) : undefined;
  return async (report) => {
    const time = formatTimestamp(report.timestamp);
    const text = () => `${groupText(report, stdout)}\n`;
    if (screen === undefined) streamResult({ stdout, format }, report, () => `${time}  ${text()}`, yaml);
    else screen.paint(`${text()}${time}, every ${formatDuration(intervalMs)}; Ctrl-C ends it\n`);
    await stdout.ready();
  };
}

/** Waits for the next look, or for the end of looking. */
class Ending {
  signal: EndSignal | undefined;
  readonly #io: Io;
  readonly #stops: (() => void)[] = [];
  #wake = () => {};
  #isOver = false;

  constructor(io: Io) {
    this.#io = io;
    const end = () => {
      this.#isOver = true;
      this.#wake();
    };
    this.#stops.push(
      io.onSignal((signal) => {
        this.signal = signal;
        end();
      }),
      io.stdout.onClosed(end),
    );
  }

  /** True after the interval; false as soon as it is over. */
  async isAwayFor(intervalMs: number): Promise<boolean> {
    if (!this.#isOver) {
      await new Promise<void>((resolve) => {
        const timer = this.#io.clock.schedule(intervalMs, resolve, "keep-alive");
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    return !this.#isOver;
  }

  /** Listens no more. */
  stop(): void {
    for (const stop of this.#stops) stop();
  }
}
