import type { SourceFile } from "./source-tree.ts";

const DECLARATION =
  /^export\s+(?:declare\s+|abstract\s+|async\s+)*(function\*?|class|const|let|interface|type)\s+(\w+)/;

/**
 * Exported declarations that nothing explains. Explained is what has a docstring right above it; a type that bears
 * the name of an explained value; a constant in an unbroken run of constants whose first is explained; and in a
 * file that begins with a docstring, its first declaration and its class.
 */
export function undocumented({ path, text }: SourceFile): string[] {
  const lines = text.split("\n");
  const explained = new Set<string>();
  /** Line after an explained constant of one line, where a run goes on. */
  let runsOnAt = -1;
  let isFirst = true;
  return lines.flatMap((line, index) => {
    const [, kind, name] = DECLARATION.exec(line) ?? [];
    if (kind === undefined || name === undefined) return [];
    const isExplained =
      lines[index - 1]?.trimEnd().endsWith("*/") ||
      explained.has(name) ||
      (kind === "const" && index === runsOnAt) ||
      ((isFirst || kind === "class") && text.startsWith("/**"));
    isFirst = false;
    if (!isExplained) return [`${path}:${index + 1}: ${kind} ${name} has no docstring`];
    explained.add(name);
    if (kind === "const" && /;( \/\/.*)?$/.test(line)) runsOnAt = index + 1;
    return [];
  });
}
