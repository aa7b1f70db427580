/** What benches report, and how it is shown. Benches assert nothing about time. */
import { writeFileSync } from "node:fs";

/** One measured number. */
export interface BenchRow {
  /** What was measured, such as "encode + CRC, 100 B". */
  readonly name: string;
  readonly value: number;
  /** Unit of the value, such as "records/s" or "ms". */
  readonly unit: string;
  /** The same as payload in 10^6 bytes per second, where that makes sense. */
  readonly mbPerSecond?: number;
  /** What the value is meant to reach, in the same unit. */
  readonly goal?: number;
  /** Name of the row of a raw limit measured in the same run, and the share of it that was reached (1 is all). */
  readonly limit?: { readonly name: string; readonly share: number };
}

/** Prints rows as a table on standard output. */
export function printRows(title: string, rows: readonly BenchRow[]): void {
  const table = [
    ["", "", "", "MB/s", "goal", "of the limit"],
    ...rows.map(({ name, value, unit, mbPerSecond, goal, limit }) => [
      name,
      readable(value),
      unit,
      mbPerSecond === undefined ? "" : readable(mbPerSecond),
      goal === undefined ? "" : readable(goal),
      limit === undefined ? "" : `${Math.round(limit.share * 100)} % of ${limit.name}`,
    ]),
  ];
  const used = table[0]!
    .map((_, column) => column)
    .filter((column) => table.some((row, i) => i && row[column]));
  const widths = used.map((column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => used.map((column, index) => pad(row[column]!, widths[index]!, column)));
  process.stdout.write(`${title}\n${lines.map((cells) => `  ${cells.join("  ").trimEnd()}\n`).join("")}`);
}

/** Writes rows as JSON, with what is needed to compare runs. */
export function writeRows(path: string, rows: readonly BenchRow[]): void {
  const { node, v8 } = process.versions;
  const run = { node, v8, platform: `${process.platform}-${process.arch}`, rows };
  writeFileSync(path, `${JSON.stringify(run, undefined, 2)}\n`);
}

/** Names and remarks to the left, numbers to the right. */
function pad(text: string, width: number, column: number): string {
  const isNumber = column === 1 || column === 3 || column === 4;
  return isNumber ? text.padStart(width) : text.padEnd(width);
}

/** Three digits that matter, with thousands and millions spelled as such. */
function readable(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
