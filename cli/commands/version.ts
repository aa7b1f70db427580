import { Command } from "commander";
import { VERSION } from "../../src/version.ts";
import type { Io } from "../io.ts";
import { printResult } from "../output/print.ts";
import { resolveSettings } from "../settings/settings.ts";

const EXAMPLES = `
Examples:
  millrace version
  millrace version -o json
  millrace cluster info                       the version of the broker`;

/** `millrace version`: which program this is. */
export function versionCommand(io: Io): Command {
  return new Command("version")
    .summary("print the versions of this command and of Node")
    .description("Prints the versions of this command and of Node. Asks no broker.")
    .addHelpText("after", EXAMPLES)
    .action(async (_options: unknown, command: Command) => {
      const { output: format } = await resolveSettings(command, io);
      const result = { millrace: VERSION, node: process.versions.node };
      const text = () => `millrace ${result.millrace} (node ${result.node})\n`;
      await printResult({ stdout: io.stdout, format }, result, text);
    });
}
