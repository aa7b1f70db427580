/** Words that code may only use in certain places: clocks, randomness, the disk. */
import { maskedCode } from "./masked-code.ts";
import type { SourceFile } from "./source-tree.ts";

/** A file that may use a word, and why. */
export interface Allowance {
  readonly path: string;
  readonly reason: string;
}

/** A rule about words in code; comments and strings do not count unless `inText`. */
export interface WordRule {
  readonly name: string;
  readonly pattern: RegExp;
  /** What to do instead. */
  readonly instead: string;
  readonly allowed: readonly Allowance[];
  /** Search the whole text instead of code alone. */
  readonly inText?: boolean;
  /** Judge only files whose paths begin so. */
  readonly within?: string;
}

/** Rules for everything below src/ and cli/. */
export const PROGRAM_RULES: readonly WordRule[] = [
  {
    name: "the disk only through the FileSystem port",
    pattern: /(?:from|import|import\()\s*"(?:node:)?fs(?:\/promises)?"/g,
    instead: "take a FileSystem of src/fs",
    allowed: [
      { path: "src/fs/node-fs.ts", reason: "is the port's implementation" },
      {
        path: "cli/commands/start.ts",
        reason: "reads the settings file the user named, before there is a broker",
      },
    ],
    inText: true,
  },
  {
    name: "time only through the Clock port",
    pattern:
      /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.|\bprocess\.(?:hrtime|uptime)\b|\b(?:setTimeout|setInterval|setImmediate)\b/g,
    instead: "take a Clock of src/base",
    allowed: [{ path: "src/base/clock.ts", reason: "is the machine's clock" }],
  },
  {
    name: "randomness only through the Random port",
    pattern: /\bMath\.random\b|\bcrypto\.|\brandom(?:Bytes|UUID|Int|FillSync)\b/g,
    instead: "take a Random of src/base",
    allowed: [{ path: "src/base/random.ts", reason: "is the machine's randomness" }],
  },
  {
    name: "timers and clocks of Node only through src/base",
    pattern: /"(?:node:)?(?:timers(?:\/promises)?|perf_hooks)"/g,
    instead: "take a Clock of src/base",
    allowed: [
      { path: "cli/bench/latencies.ts", reason: "takes a histogram from there, which tells no time" },
    ],
    inText: true,
  },
  {
    name: "offline commands only read",
    pattern:
      /\b(?:PartitionLog|LogWriter|writeCheckpoint|writePartitionMetadata)\b|"(?:read-write(?:-or-create)?|create)"|\.(?:truncate|rename|makeDirectory|datasync)\(/g,
    instead: "open files with mode read, and walk them with scanBatches",
    allowed: [],
    inText: true,
    within: "cli/offline/",
  },
  {
    name: "no output but the logger's and the command line's",
    pattern: /\bconsole\./g,
    instead: "take a Logger of src/base, or the command's Io",
    allowed: [],
  },
];

/** Rules for all TypeScript, tests included. */
export const CODE_RULES: readonly WordRule[] = [
  {
    name: "no any",
    pattern: /(?:[:<|&]\s*|\b(?:as|is|extends|keyof)\s+|\btype\s+\w+\s*=\s*)any\b/g,
    instead: "name the type, or unknown",
    allowed: [],
  },
  {
    name: "no silenced compiler",
    pattern: /@ts-(?:ignore|expect-error|nocheck)/g,
    instead: "mend the type",
    allowed: [{ path: "test/house/rules.test.ts", reason: "shows the rule a culprit" }],
    inText: true,
  },
];

/** Rules for every text of the project. */
export const TEXT_RULES: readonly WordRule[] = [
  {
    name: "nothing is left for later",
    pattern: /\b(?:TODO|FIXME)\b/g,
    instead: "do it, or write down the decision not to",
    allowed: [{ path: "test/house/word-rules.ts", reason: "names the words" }],
    inText: true,
  },
];

/** Places where a rule is broken, as "path:line: rule: what to do", and allowances that nothing needs any more. */
export function brokenRules(files: readonly SourceFile[], rules: readonly WordRule[]): string[] {
  return rules.flatMap((rule) => {
    const judged = files.filter(({ path }) => path.startsWith(rule.within ?? ""));
    const hits = judged.flatMap((file) => hitsOf(file, rule));
    const isAllowed = (path: string) => rule.allowed.some((allowance) => allowance.path === path);
    const unused = rule.allowed.filter(({ path }) => !hits.some((hit) => hit.path === path));
    return [
      ...hits
        .filter(({ path }) => !isAllowed(path))
        .map(({ path, line, word }) => `${path}:${line}: ${word}: ${rule.name}; ${rule.instead}`),
      ...unused.map(({ path }) => `${path} no longer needs its allowance: ${rule.name}`),
    ];
  });
}

function hitsOf({ path, text }: SourceFile, { pattern, inText }: WordRule) {
  const searched = inText ? text : maskedCode(text);
  return [...searched.matchAll(pattern)].map((match) => ({
    path,
    line: text.slice(0, match.index).split("\n").length,
    word: match[0].trim(),
  }));
}
