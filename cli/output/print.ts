import type { OutputStream } from "./output-stream.ts";

/** How results are written to stdout. */
export const OUTPUT_FORMATS = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Where and how to write results. */
export interface Printer {
  readonly stdout: OutputStream;
  readonly format: OutputFormat;
}

/** Writes one result whole: as `text` for people, or as one JSON or YAML document with everything in it. */
export async function printResult(
  { stdout, format }: Printer,
  value: unknown,
  text: () => string,
): Promise<void> {
  if (format === "table") stdout.write(text());
  else if (format === "json") stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
  else stdout.write(await toYaml(value));
  await stdout.ready();
}

/**
 * Writes one result of many as soon as it is there: a line for people, a line of JSON (NDJSON), or a YAML document of
 * its own. False: await `stdout.ready()` before the next.
 */
export function streamResult(
  { stdout, format }: Printer,
  value: unknown,
  text: () => string,
  yaml: YamlWriter | undefined,
): boolean {
  if (format === "table") return stdout.write(text());
  if (format === "json" || yaml === undefined) return stdout.write(`${JSON.stringify(value)}\n`);
  return stdout.write(`---\n${yaml(value)}`);
}

/** Writes a value as YAML. */
export type YamlWriter = (value: unknown) => string;

/** The YAML writer where the format asks for one: loading it takes longer than most commands do. */
export async function yamlWriterFor(format: OutputFormat): Promise<YamlWriter | undefined> {
  if (format !== "yaml") return undefined;
  const { stringify } = await import("yaml");
  // Plain JSON first: what is undefined is left out, as it is there.
  return (value) => stringify(JSON.parse(JSON.stringify(value)));
}

async function toYaml(value: unknown): Promise<string> {
  return (await yamlWriterFor("yaml"))!(value);
}
