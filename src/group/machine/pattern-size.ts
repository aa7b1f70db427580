/**
 * What one token of a pattern is in the syntax of RE2: a quotation, flags, a name of characters, an escape, a class of
 * characters, a counted repetition, or one character.
 */
const TOKEN =
  /\\Q.*?(?:\\E|$)|\(\?[a-zA-Z-]*\)|\\[pPx]\{[^}]*\}|\\.|\[\^?\]?(?:\[:[^\]]*:\]|\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|./gsu;
const UNICODE_CLASS = /\\p/giu;

/**
 * Instructions that a pattern unfolds to, roughly and rather too many: repetition that is counted stands for as many
 * copies, which multiply where one lies in another. To be known before a pattern is compiled, as unfolding costs time
 * and memory. The source need not be valid.
 */
export function unfoldedSize(source: string): number {
  /** Sizes of the groups that are open, the whole pattern first. */
  const groups = [0];
  let last = 0;
  const add = (size: number) => {
    last = size;
    groups[groups.length - 1]! += size;
  };
  for (const [token, least, most] of source.matchAll(TOKEN)) {
    if (token === "(") {
      groups.push(0);
    } else if (token === ")" && groups.length > 1) {
      // The group's bounds are instructions too.
      add(groups.pop()! + 2);
    } else if (least !== undefined) {
      const copies = Math.max(1, Number(least), Number(most ?? 0));
      add(last * copies - last);
      last *= copies;
    } else if ("*+?".includes(token)) {
      last++;
      groups[groups.length - 1]!++;
    } else if (!token.startsWith("(?")) {
      // Flags are nothing that could be repeated: what follows them repeats what was before.
      add(token.startsWith("\\Q") ? token.length : 1);
    }
  }
  return groups.reduce((sum, size) => sum + size, 0);
}

/** Names of characters such as \pL in a pattern: each takes some thousand bytes, as one instruction. */
export function unicodeClasses(source: string): number {
  return source.match(UNICODE_CLASS)?.length ?? 0;
}
