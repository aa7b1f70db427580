/** What benches report, and how it is shown. Benches assert nothing about time. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { dirname } from "node:path";

/** One measured number. */
export interface BenchRow {
  /** What was measured, such as "encode + CRC, 100 B". */
  readonly name: string;
  readonly value: number;
  /** Unit of the value, such as "records/s" or "ms". */
  readonly unit: string;
  /** The same as payload in 10^6 bytes per second, where that makes sense. */
  readonly mbPerSecond?: number;
  /** What the broker and the program that uses it spent. */
  readonly cost?: CpuCost;
  /** What is meant to be reached. */
  readonly goal?: Goal;
  /** A raw limit measured in turn with the value. */
  readonly limit?: Limit;
}

/** Seconds of CPU per 10^9 bytes of payload. Neighbours on the machine change it less than they change the speed. */
export interface CpuCost {
  /** Not a number where the system does not tell. */
  readonly broker: number;
  /** The producer or the consumer. */
  readonly program: number;
}

/** A bound for the value, in the unit given, or for the share of the limit. */
export interface Goal {
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly unit: "records/s" | "MB/s" | "ms" | "MB" | "of the limit";
}

/** A raw limit: what the machine does without the code that is measured. */
export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Share of it that was reached (1 is all): the median over pairs measured one after the other. */
  readonly share?: number;
}

/** The rows of a part. */
export interface BenchTable {
  readonly part: string;
  readonly title: string;
  readonly rows: readonly BenchRow[];
}

const NUMBER_COLUMNS = [1, 3, 6];
/** The column of shares; its heading runs on over the next one. */
const LIMIT_COLUMN = 6;

/** Prints rows as a table on standard output. */
export function printTable({ title, rows }: BenchTable): void {
  const cells = [
    ["", "", "", "MB/s", "CPU s/GB", "goal", "limit in the same run", ""],
    ...rows.map((row) => [
      row.name,
      readable(row.value),
      row.unit,
      row.mbPerSecond === undefined ? "" : readable(row.mbPerSecond),
      row.cost === undefined ? "" : `${row.cost.broker.toFixed(1)} + ${row.cost.program.toFixed(1)}`,
      row.goal === undefined ? "" : goalText(row.goal),
      row.limit?.share === undefined ? "" : `${Math.round(row.limit.share * 100)} %`,
      row.limit === undefined ? "" : `${row.limit.share === undefined ? "" : "of "}${limitText(row.limit)}`,
    ]),
  ];
  const used = cells[0]!
    .map((_, column) => column)
    .filter((column) => cells.some((row, i) => i && row[column]));
  const widths = used.map((column) =>
    Math.max(...cells.map((row, i) => (i === 0 && column === LIMIT_COLUMN ? 0 : row[column]!.length))),
  );
  const lines = cells.map((row) => used.map((column, index) => pad(row[column]!, widths[index]!, column)));
  process.stdout.write(`\n${title}\n${lines.map((line) => `  ${line.join("  ").trimEnd()}\n`).join("")}`);
}

/** Writes tables as JSON, with what is needed to compare runs. */
export function writeTables(path: string, size: string, tables: readonly BenchTable[]): void {
  const machine = {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ size, machine, tables }, undefined, 2)}\n`);
}

function goalText({ atLeast, atMost, unit }: Goal): string {
  const [sign, bound] = atLeast === undefined ? ["≤", atMost ?? 0] : ["≥", atLeast];
  return unit === "of the limit" ? `${sign} ${bound * 100} %` : `${sign} ${readable(bound)} ${unit}`;
}

function limitText({ name, value, unit }: Limit): string {
  return `${name}: ${readable(value)} ${unit}`;
}

/** Names and remarks to the left, numbers to the right. */
function pad(text: string, width: number, column: number): string {
  return NUMBER_COLUMNS.includes(column) ? text.padStart(width) : text.padEnd(width);
}

/** Three digits that matter, with thousands and millions spelled as such. */
function readable(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
