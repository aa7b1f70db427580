import { Argument, Command } from "commander";
import { type CompletionShell, COMPLETION_SHELLS, completionScript } from "../completion/scripts.ts";
import type { Io } from "../io.ts";

const EXAMPLES = `
Examples:
  source <(millrace completion bash)                                           in ~/.bashrc
  millrace completion zsh > "\${fpath[1]}/_millrace"
  millrace completion fish > ~/.config/fish/completions/millrace.fish`;

/** `millrace completion`: what a shell needs to complete commands and options. */
export function completionCommand(io: Io): Command {
  return new Command("completion")
    .summary("print a completion script for a shell")
    .description("Prints a script that lets a shell complete commands, options and their values.")
    .addArgument(new Argument("<shell>").choices(COMPLETION_SHELLS))
    .addHelpText("after", EXAMPLES)
    .action((shell: CompletionShell, _options: unknown, command: Command) => {
      io.stdout.write(completionScript(shell, rootOf(command)));
    });
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}
