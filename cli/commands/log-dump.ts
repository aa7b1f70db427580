import type { Command } from "commander";
import { ExitCode, Finished } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { type DumpItem, type DumpTarget, dumpIndex, dumpLog } from "../offline/dump-logs.ts";
import { findLogs } from "../offline/log-files.ts";
import { colorsFor } from "../output/colors.ts";
import { type Printer, streamResult, type YamlWriter, yamlWriterFor } from "../output/print.ts";
import { printable } from "../output/table.ts";
import { formatTimestamp } from "../records/timestamp.ts";
import { resolveSettings } from "../settings/settings.ts";

/** Prints what the files at a path hold. Ends with exit code 1 if damage was among it. */
export async function dumpPath(
  io: Io,
  command: Command,
  path: string,
  options: { readonly records?: true; readonly count?: number },
): Promise<void> {
  const { output: format } = await resolveSettings(command, io);
  const logs = await findLogs(io.fs, path);
  const printer = { stdout: io.stdout, format };
  const target = new Dumping(printer, await yamlWriterFor(format), options.count ?? Number.POSITIVE_INFINITY);
  if (logs.index !== undefined) await dumpIndex(io.fs, logs.index, target);
  else {
    for (const { segments } of logs.partitions) {
      for (const segment of segments) await dumpLog(io.fs, segment, options.records === true, target);
    }
  }
  if (target.foundDamage) throw new Finished(ExitCode.failure);
}

class Dumping implements DumpTarget {
  readonly #printer: Printer;
  readonly #yaml: YamlWriter | undefined;
  #left: number;
  #mustWait = false;
  #file: string | undefined;
  foundDamage = false;

  constructor(printer: Printer, yaml: YamlWriter | undefined, countMax: number) {
    this.#printer = printer;
    this.#yaml = yaml;
    this.#left = countMax;
  }

  next(): "go on" | "wait" | "stop" {
    if (this.#left <= 0 || this.#printer.stdout.isClosed) return "stop";
    return this.#mustWait ? "wait" : "go on";
  }

  async room(): Promise<void> {
    await this.#printer.stdout.ready();
    this.#mustWait = false;
  }

  item(item: DumpItem): void {
    if (item.kind === "damage") this.foundDamage = true;
    if (this.#left <= 0) return;
    this.#left--;
    if (!streamResult(this.#printer, item, () => this.#text(item), this.#yaml)) this.#mustWait = true;
  }

  /** A line for the item, under a line that names the file where that changes. */
  #text(item: DumpItem): string {
    const colors = colorsFor(this.#printer.stdout);
    if (!("file" in item) || item.file === this.#file) return lineOf(item, colors);
    this.#file = String(item.file);
    return `${colors.bold(printable(this.#file))}\n${lineOf(item, colors)}`;
  }
}

function lineOf(item: DumpItem, { red, dim }: ReturnType<typeof colorsFor>): string {
  switch (item.kind) {
    case "batch":
      return `${batchLine(item)}\n`;
    case "record":
      return `  ${recordLine(item, dim)}\n`;
    case "damage":
      return `${red(`position ${item.position}  DAMAGED ${item.bytes} B  ${item.fault}: ${printable(item.problem)}`)}\n`;
    case "offset-index":
      return `up to offset ${item.lastOffset}  position ${item.position}\n`;
    case "time-index":
      return `up to offset ${item.offset}  ${formatTimestamp(item.timestampMs)} (${item.timestampMs})\n`;
  }
}

function batchLine(batch: DumpItem & { kind: "batch" }): string {
  const { producerId, producerEpoch, baseSequence } = batch;
  return [
    `position ${batch.position}`,
    `offsets ${batch.baseOffset} to ${batch.lastOffset}`,
    recordsOf(batch),
    `${batch.bytes} B`,
    batch.compression ?? "unknown codec",
    `epoch ${batch.leaderEpoch ?? "none"}`,
    `${batch.timestampType} time up to ${formatTimestamp(batch.maxTimestampMs)}`,
    ...(producerId === undefined ? [] : [`producer ${producerId}/${producerEpoch} sequence ${baseSequence}`]),
    ...(batch.isTransactional ? ["transactional"] : []),
    ...(batch.isControl ? ["control"] : []),
    ...(batch.deleteHorizonMs === undefined
      ? []
      : [`tombstones until ${formatTimestamp(batch.deleteHorizonMs)}`]),
    `crc ${batch.crc.toString(16).padStart(8, "0")}`,
  ].join("  ");
}

/** Compaction leaves fewer records than offsets. */
function recordsOf({ baseOffset, lastOffset, recordCount }: DumpItem & { kind: "batch" }): string {
  const offsets = lastOffset - baseOffset + 1;
  return recordCount < offsets ? `records ${recordCount} of ${offsets}, compacted` : `records ${recordCount}`;
}

function recordLine(record: DumpItem & { kind: "record" }, dim: (text: string) => string): string {
  const { kind: _kind, offset, timestamp, ...rest } = record;
  const fields = Object.entries(rest).map(
    ([name, value]) => `${dim(name)} ${printable(JSON.stringify(value))}`,
  );
  return [`offset ${offset}`, formatTimestamp(timestamp), ...fields].join("  ");
}
