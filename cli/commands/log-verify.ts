import type { Command } from "commander";
import { ExitCode, Finished } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { findLogs } from "../offline/log-files.ts";
import type { Finding } from "../offline/finding.ts";
import { type VerifyTotals, verifyLogs } from "../offline/verify-logs.ts";
import { colorsFor } from "../output/colors.ts";
import { streamResult, yamlWriterFor } from "../output/print.ts";
import { formatBytes, formatCounted } from "../output/quantities.ts";
import { printable } from "../output/table.ts";
import { resolveSettings } from "../settings/settings.ts";

/** Verifies the logs at a path, prints what was found, and ends with exit code 1 if any of it is damage. */
export async function verifyPath(
  io: Io,
  command: Command,
  path: string,
  options: { readonly quiet?: true },
): Promise<void> {
  const { output: format } = await resolveSettings(command, io);
  const yaml = await yamlWriterFor(format);
  const counts = { damage: 0, notice: 0 };
  const logs = await findLogs(io.fs, path);
  const totals = await verifyLogs(io.fs, logs, (finding) => {
    counts[finding.severity]++;
    if (options.quiet === true && finding.severity === "notice") return;
    streamResult({ stdout: io.stdout, format }, finding, () => findingText(finding, io), yaml);
  });
  if (options.quiet !== true) io.stderr.write(summary(totals, counts, io));
  if (counts.damage > 0) throw new Finished(ExitCode.failure);
}

/** "data/partitions/orders-0/00000000000000000000.log:1234: bad-crc: the bytes do not match …", as compilers do. */
function findingText({ severity, file, position, fault, problem }: Finding, io: Io): string {
  const { red, yellow } = colorsFor(io.stdout);
  const place = position === undefined ? file : `${file}:${position}`;
  const name = severity === "damage" ? red(fault) : yellow(`${fault} (notice)`);
  return `${printable(place)}: ${name}: ${printable(problem)}\n`;
}

function summary(
  totals: VerifyTotals,
  counts: { readonly damage: number; readonly notice: number },
  io: Io,
): string {
  const { green, red } = colorsFor(io.stderr);
  const checked = [
    formatCounted(totals.partitions, "partition"),
    formatCounted(totals.segments, "segment"),
    formatCounted(totals.batches, "batch", "batches"),
    formatCounted(totals.records, "record"),
    formatBytes(totals.bytes),
  ].join(", ");
  const notices = counts.notice === 0 ? "" : `, ${formatCounted(counts.notice, "notice")}`;
  const verdict =
    counts.damage === 0 ? green("nothing is damaged") : red(`${formatCounted(counts.damage, "fault")} found`);
  return `${checked}: ${verdict}${notices}\n`;
}
