/** Reads the comments of errors.proto and draws the table of reasons out of them and the registry. */
import { Code, REASONS, type Reason } from "../../src/errors/index.ts";

/** A reason as errors.proto tells it. */
export interface ProtoReason {
  readonly name: string;
  readonly number: number;
  /** Its comment in one line. */
  readonly comment: string;
}

/** What a comment says, in the registry's words; undefined where it says nothing that can be read. */
export interface Told {
  readonly code: string | undefined;
  readonly retry: string | undefined;
  readonly effect: string | undefined;
  readonly hasRetryInfo: boolean;
  /** What is left: cause and details. */
  readonly rest: string;
}

/** The values of the enum `Reason`, without the unspecified one. */
export function protoReasons(proto: string): ProtoReason[] {
  const body = /enum Reason \{([\s\S]*?)\n\}/.exec(proto)?.[1] ?? "";
  return [...body.matchAll(/((?:^ *\/\/.*\n)+) *REASON_(\w+) = (\d+);/gm)]
    .map(([, comment = "", name = "", number]) => ({
      name,
      number: Number(number),
      comment: comment
        .replaceAll(/^ *\/\/ ?/gm, "")
        .replaceAll("\n", " ")
        .trim(),
    }))
    .filter(({ number }) => number !== 0);
}

const RETRY_PHRASES: readonly [RegExp, string][] = [
  [/\bretry never\b/, "never"],
  [/\bretry the same\b/, "same"],
  [/\bretry after refreshing metadata\b/, "refresh"],
  [/\bretry after joining anew\b/, "rejoin"],
];

/** Takes a comment of the form "CODE; retry …, effect …. Cause. Detail: …" apart. */
export function told({ comment }: ProtoReason): Told {
  const retry = RETRY_PHRASES.find(([phrase]) => phrase.test(comment))?.[1];
  return {
    code: /^([A-Z_]+);/.exec(comment)?.[1],
    retry,
    effect: /\beffect (none|unknown)\b/i.exec(comment)?.[1],
    hasRetryInfo: /\bWith RetryInfo\b/.test(comment),
    rest: comment
      .replace(/^[A-Z_]+; retry .*?(?:\.|, effect (?:none|unknown)\.)(?= |$)/, "")
      .replace(/ ?With RetryInfo\./, "")
      .trim(),
  };
}

/** Where the comments of errors.proto and the registry differ. */
export function disagreements(reasons: readonly ProtoReason[]): string[] {
  const registered = Object.entries(REASONS) as [Reason, (typeof REASONS)[Reason]][];
  const names = reasons.map(({ name }) => name);
  const order = registered.map(([name]) => name);
  if (names.join() !== order.join()) return [`the reasons or their order differ: ${names} and ${order}`];
  return registered.flatMap(([name, entry], index) => {
    const { number } = reasons[index]!;
    const { code, retry, effect, hasRetryInfo } = told(reasons[index]!);
    const codeName = nameOfCode(entry.code);
    return [
      number === index + 1 ? "" : `number ${number} where ${index + 1} follows`,
      code === codeName ? "" : `code ${code} and ${codeName}`,
      retry === entry.retry ? "" : `retry ${retry} and ${entry.retry}`,
      effect === entry.effect ? "" : `effect ${effect} and ${entry.effect}`,
      hasRetryInfo && !("retryDelayMs" in entry) ? "RetryInfo promised without a delay" : "",
    ]
      .filter((text) => text !== "")
      .map((text) => `${name}: ${text}`);
  });
}

/** The table for the README of src/errors. */
export function errorsTable(reasons: readonly ProtoReason[]): string {
  const rows = reasons.map((reason) => {
    const entry: { retryDelayMs?: number } & (typeof REASONS)[Reason] = REASONS[reason.name as Reason];
    const wait = entry.retryDelayMs === undefined ? "" : `, ${entry.retryDelayMs} ms`;
    return `| ${reason.name} | ${nameOfCode(entry.code)} | ${entry.retry}${wait} | ${entry.effect} | ${told(reason).rest} |`;
  });
  return ["| Reason | gRPC | Retry | Effect | Cause and details |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

function nameOfCode(code: Code): string {
  return Object.entries(Code).find(([, number]) => number === code)?.[0] ?? String(code);
}
