import type { CommandNode, OptionNode } from "./command-nodes.ts";
import { quotePosix } from "./quote.ts";

/** A script for bash: finds the command in the words typed so far, then offers its options, children or values. */
export function bashScript(nodes: readonly CommandNode[]): string {
  const globals = nodes[0]?.options ?? [];
  const known = nodes.flatMap(({ path }) => (path === "" ? [] : [quotePosix(path)]));
  return `# bash completion for millrace: source <(millrace completion bash)
_millrace() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local where="" next words options index
  for ((index = 1; index < COMP_CWORD; index++)); do
    next="\${where:+$where }\${COMP_WORDS[index]}"
    case "$next" in
      ${known.join("|")}) where="$next" ;;
    esac
  done
  COMPREPLY=()
  case "$where/$previous" in
${valueCases(nodes, globals)}
  esac
  case "$where" in
${nodes.map((node) => wordCase(node, globals)).join("\n")}
  esac
  if [[ "$current" == -* ]]; then words="$options"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _millrace millrace
`;
}

/** Options that take a value: offers what they allow, and leaves the rest to the shell (file names). */
function valueCases(nodes: readonly CommandNode[], globals: readonly OptionNode[]): string {
  const lines = (pattern: (flag: string) => string, options: readonly OptionNode[]) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ flags, choices }) => {
        const words = quotePosix(choices.join(" "));
        const offer = choices.length > 0 ? `COMPREPLY=($(compgen -W ${words} -- "$current")); ` : "";
        return `    ${flags.map(pattern).join("|")}) ${offer}return ;;`;
      });
  return [
    ...nodes.slice(1).flatMap(({ path, options }) => lines((flag) => quotePosix(`${path}/${flag}`), options)),
    ...lines((flag) => `*/${flag}`, globals),
  ].join("\n");
}

function wordCase(node: CommandNode, globals: readonly OptionNode[]): string {
  const words = node.children.length > 0 ? node.children.map(({ name }) => name) : node.argumentChoices;
  const options = node.path === "" ? globals : [...node.options, ...globals];
  const flags = [...new Set(options.flatMap((option) => option.flags))];
  return `    ${quotePosix(node.path)}) words=${quotePosix(words.join(" "))} options=${quotePosix(flags.join(" "))} ;;`;
}
