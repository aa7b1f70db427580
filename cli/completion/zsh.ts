import type { CommandNode, OptionNode } from "./command-nodes.ts";
import { quotePosix } from "./quote.ts";

/** A script for zsh, with what each command and option is for. */
export function zshScript(nodes: readonly CommandNode[]): string {
  const globals = nodes[0]?.options ?? [];
  const known = nodes.flatMap(({ path }) => (path === "" ? [] : [quotePosix(path)]));
  return `#compdef millrace
# zsh completion for millrace: millrace completion zsh > "\${fpath[1]}/_millrace"
_millrace() {
  local where="" next index
  local -a candidates options
  for ((index = 2; index < CURRENT; index++)); do
    next="\${where:+$where }\${words[index]}"
    case "$next" in
      (${known.join("|")}) where="$next" ;;
    esac
  done
  case "$where/\${words[CURRENT-1]}" in
${valueCases(nodes, globals)}
  esac
  case "$where" in
${nodes.map((node) => nodeCase(node, globals)).join("\n")}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe option options
  elif (( \${#candidates} )); then
    _describe command candidates
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_millrace" ]; then _millrace "$@"; else compdef _millrace millrace; fi
`;
}

function valueCases(nodes: readonly CommandNode[], globals: readonly OptionNode[]): string {
  const lines = (pattern: (flag: string) => string, options: readonly OptionNode[]) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ flags, choices }) => {
        const offer = choices.length > 0 ? `compadd -- ${choices.map(quotePosix).join(" ")}` : "_files";
        return `    (${flags.map(pattern).join("|")}) ${offer}; return ;;`;
      });
  return [
    ...nodes.slice(1).flatMap(({ path, options }) => lines((flag) => quotePosix(`${path}/${flag}`), options)),
    ...lines((flag) => `*/${flag}`, globals),
  ].join("\n");
}

function nodeCase(node: CommandNode, globals: readonly OptionNode[]): string {
  const own = node.path === "" ? globals : [...node.options, ...globals];
  const options = own.flatMap(({ flags, summary }) => flags.map((flag) => described(flag, summary)));
  const candidates =
    node.children.length > 0
      ? node.children.map(({ name, summary }) => described(name, summary))
      : node.argumentChoices.map(quotePosix);
  return `    (${quotePosix(node.path)})
      candidates=(${candidates.join(" ")})
      options=(${options.join(" ")}) ;;`;
}

/** "name:what it is for", as _describe takes it. */
function described(name: string, summary: string): string {
  return quotePosix(`${name.replaceAll(":", "\\:")}:${summary}`);
}
