/**
 * Source texts out of JSON that JSON.parse has accepted: what is wrong JSON must not get here. Parsing loses what a
 * number looked like, and its last digits beyond 2^53; Node 20 cannot tell the source of a value while it parses.
 */

/** The source text of each member of an object, by name; of members with equal names the last counts. */
export function memberTexts(json: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (let at = behindGap(json, behindGap(json, 0) + 1); json[at] !== "}"; ) {
    const nameEnd = endOfString(json, at);
    const start = behindGap(json, nameEnd);
    const end = endOfValue(json, start);
    texts.set(JSON.parse(json.slice(at, nameEnd)) as string, json.slice(start, end));
    at = behindGap(json, end);
  }
  return texts;
}

/** The source texts of the elements of a list. */
export function elementTexts(json: string): string[] {
  const texts: string[] = [];
  for (let at = behindGap(json, behindGap(json, 0) + 1); json[at] !== "]"; ) {
    const end = endOfValue(json, at);
    texts.push(json.slice(at, end));
    at = behindGap(json, end);
  }
  return texts;
}

/** What may stand between names and values: where it may was checked by JSON.parse. */
const GAP = /[\s,:]*/y;
const SCALAR = /[^\s,:{}[\]"]*/y;

function behindGap(json: string, at: number): number {
  return endOfMatch(GAP, json, at);
}

function endOfMatch(pattern: RegExp, json: string, at: number): number {
  pattern.lastIndex = at;
  pattern.test(json);
  return pattern.lastIndex;
}

function endOfValue(json: string, start: number): number {
  if (json[start] === '"') return endOfString(json, start);
  if (json[start] !== "{" && json[start] !== "[") return endOfMatch(SCALAR, json, start);
  let depth = 0;
  let at = start;
  do {
    const character = json[at];
    if (character === '"') {
      at = endOfString(json, at);
      continue;
    }
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    at++;
  } while (depth > 0);
  return at;
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}
