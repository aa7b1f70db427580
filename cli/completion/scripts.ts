import type { Command } from "commander";
import { bashScript } from "./bash.ts";
import { commandNodes } from "./command-nodes.ts";
import { fishScript } from "./fish.ts";
import { zshScript } from "./zsh.ts";

/** The shells there are scripts for. */
export const COMPLETION_SHELLS = ["bash", "zsh", "fish"] as const;
export type CompletionShell = (typeof COMPLETION_SHELLS)[number];

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** The script that completes the program in a shell. */
export function completionScript(shell: CompletionShell, program: Command): string {
  return SCRIPTS[shell](commandNodes(program));
}
