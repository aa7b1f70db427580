import type { CommandNode, OptionNode } from "./command-nodes.ts";
import { quoteFish } from "./quote.ts";

/** A script for fish: one line for each command and option, under the condition that its parent was typed. */
export function fishScript(nodes: readonly CommandNode[]): string {
  const known = nodes.flatMap(({ path }) => (path === "" ? [] : [quoteFish(path)]));
  return `# fish completion for millrace: millrace completion fish > ~/.config/fish/completions/millrace.fish
function __millrace_at
    set -l where
    set -l typed (commandline -opc)
    for word in $typed[2..-1]
        set -l next (string join ' ' -- $where $word)
        if contains -- "$next" ${known.join(" ")}
            set where $next
        end
    end
    test "$where" = "$argv[1]"
end
${nodes.flatMap(nodeLines).join("\n")}
`;
}

function nodeLines({ path, children, options, argumentChoices }: CommandNode): string[] {
  const condition = `-n ${quoteFish(`__millrace_at ${quoteFish(path)}`)}`;
  // Global options go everywhere: the program's own lines have no condition.
  const optionCondition = path === "" ? "" : `${condition} `;
  return [
    ...children.map(
      ({ name, summary }) =>
        `complete -c millrace -f ${condition} -a ${quoteFish(name)} -d ${quoteFish(summary)}`,
    ),
    ...argumentChoices.map((choice) => `complete -c millrace -f ${condition} -a ${quoteFish(choice)}`),
    ...options.map((option) => `complete -c millrace ${optionCondition}${optionWords(option)}`),
  ];
}

function optionWords({ flags, summary, takesValue, choices }: OptionNode): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const value = choices.length > 0 ? `-x -a ${quoteFish(choices.join(" "))}` : takesValue ? "-r" : "";
  return [...names, value, `-d ${quoteFish(summary)}`].filter((word) => word !== "").join(" ");
}
