/**
 * TypeScript with its comments and the insides of its strings blanked, so that a rule can search code for words
 * without meeting them in prose. Every character keeps its place. Knows strings, templates with `${}`, comments and,
 * by what stands before the slash, regular expressions.
 */

/** Blanks comments, strings, templates and regular expressions; quotes, line breaks and all code stay. */
export function maskedCode(text: string): string {
  const out = [...text.split("")];
  /** For each open `${`, how many braces are open inside it. */
  const templates: number[] = [];
  let at = 0;
  const blank = (from: number, to: number) => {
    for (let index = from; index < to; index++) if (out[index] !== "\n") out[index] = " ";
  };
  const skipTemplate = () => {
    const from = at;
    while (at < text.length && text[at] !== "`" && !text.startsWith("${", at))
      at += text[at] === "\\" ? 2 : 1;
    blank(from, at);
    if (text[at] === "`") at++;
    else {
      at += 2;
      templates.push(0);
    }
  };
  while (at < text.length) {
    const char = text[at]!;
    const end = endOfOpaque(text, at, out);
    if (end !== undefined) {
      const keepsQuotes = char === '"' || char === "'";
      blank(keepsQuotes ? at + 1 : at, keepsQuotes ? end - 1 : end);
      at = end;
      continue;
    }
    at++;
    if (char === "`") skipTemplate();
    else if (char === "{" && templates.length > 0) templates[templates.length - 1]!++;
    else if (char === "}" && templates.length > 0 && templates[templates.length - 1]!-- === 0) {
      templates.pop();
      skipTemplate();
    }
  }
  return out.join("");
}

/** End of the comment, string or regular expression that begins here; undefined if none does. */
function endOfOpaque(text: string, at: number, masked: readonly string[]): number | undefined {
  const char = text[at];
  if (text.startsWith("//", at)) return endAfter(text.indexOf("\n", at), 0, text);
  if (text.startsWith("/*", at)) return endAfter(text.indexOf("*/", at + 2), 2, text);
  if (char === '"' || char === "'") return endOfQuoted(text, at, char);
  if (char === "/" && beginsRegularExpression(masked, at)) return endOfRegularExpression(text, at);
  return undefined;
}

function endAfter(found: number, length: number, text: string): number {
  return found < 0 ? text.length : found + length;
}

function endOfQuoted(text: string, at: number, quote: string): number {
  let end = at + 1;
  while (end < text.length && text[end] !== quote && text[end] !== "\n") end += text[end] === "\\" ? 2 : 1;
  return Math.min(end + 1, text.length);
}

function endOfRegularExpression(text: string, at: number): number {
  let end = at + 1;
  for (let isInClass = false; end < text.length && text[end] !== "\n"; end++) {
    if (text[end] === "\\") end++;
    else if (text[end] === "[") isInClass = true;
    else if (text[end] === "]") isInClass = false;
    else if (text[end] === "/" && !isInClass) break;
  }
  return Math.min(end + 1, text.length);
}

/** A slash divides after a value and begins an expression after anything else. */
function beginsRegularExpression(masked: readonly string[], at: number): boolean {
  const before = masked
    .slice(Math.max(0, at - 40), at)
    .join("")
    .trimEnd();
  if (/\b(return|typeof|case|in|of|void|await|yield)$/.test(before)) return true;
  return !/[\w$)\]"'`]$/.test(before);
}
