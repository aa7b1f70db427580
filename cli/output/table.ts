import { type Colors, colorsFor } from "./colors.ts";

/** A column of a table: its title and what it shows of a row. */
export interface Column<Row> {
  readonly title: string;
  value(row: Row): string;
  /** Numbers stand on the right. Default "left". */
  readonly align?: "left" | "right";
  /** Colours a cell after it was padded. */
  color?(row: Row, colors: Colors): (text: string) => string;
}

const GAP = "  ";

/** The lines of a table under a line of titles, columns as wide as their widest cell. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  stream: { readonly hasColors: boolean },
): string {
  const colors = colorsFor(stream);
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = columns.map((column, index) =>
    cells.reduce((width, line) => Math.max(width, line[index]!.length), column.title.length),
  );
  const pad = (text: string, index: number) =>
    columns[index]!.align === "right" ? text.padStart(widths[index]!) : text.padEnd(widths[index]!);
  const titles = columns.map(({ title }, index) => colors.bold(pad(title, index)));
  const lines = cells.map((line, number) =>
    line.map((text, index) => {
      const column = columns[index]!;
      return (column.color?.(rows[number]!, colors) ?? identity)(pad(text, index));
    }),
  );
  return [titles, ...lines].map((line) => `${line.join(GAP).trimEnd()}\n`).join("");
}

const identity = (text: string) => text;

/** Text without control characters, which could move the cursor or rewrite what a terminal shows. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (control) => {
    const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[control];
    return named ?? `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
