/** What is measured, and how long. */
import { parseArgs } from "node:util";

/** The parts of the bench, in the order they run. */
export const PARTS = [
  "codec",
  "engine",
  "path",
  "latency",
  "memory",
  "groups",
  "compaction",
  "streams",
] as const;
export type Part = (typeof PARTS)[number];

/** How much is measured; more takes longer and wavers less. */
export interface Scale {
  /** Rounds of which the median is taken; one more goes before as warm-up. */
  readonly rounds: number;
  /** Payload bytes of one round of the engine and of the whole path. */
  readonly roundBytes: number;
  /** Length of one slice of paced load. */
  readonly sliceMs: number;
  /** How long the broker is loaded while its memory is watched. */
  readonly memoryMs: number;
  /** Records among which one stream is read; a multiple of 10,000. */
  readonly streamRecords: number;
}

const MIB = 1_048_576;

const SCALES = {
  tiny: { rounds: 1, roundBytes: 16 * MIB, sliceMs: 500, memoryMs: 2_000, streamRecords: 50_000 },
  small: { rounds: 3, roundBytes: 192 * MIB, sliceMs: 4_000, memoryMs: 12_000, streamRecords: 1_000_000 },
  full: { rounds: 7, roundBytes: 768 * MIB, sliceMs: 15_000, memoryMs: 60_000, streamRecords: 10_000_000 },
} as const satisfies Record<string, Scale>;

/** What the command line says. */
export interface BenchOptions {
  readonly size: keyof typeof SCALES;
  readonly scale: Scale;
  readonly parts: readonly Part[];
  /** Only rows whose names contain this text. */
  readonly match: string;
  /** File for the results of all parts. */
  readonly json: string | undefined;
  /** Where to write data; on the disk that is to be measured. */
  readonly directory: string;
  /** Whether to sample where broker, producer and consumer spend their time. */
  readonly profile: boolean;
  /** Whether programs that use the SDK, and their bare counterparts, go without `millrace/tune`. */
  readonly plainPrograms: boolean;
}

/** Reads the command line. Throws TypeError for what it does not know. */
export function parseOptions(words: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      size: { type: "string", default: "small" },
      only: { type: "string", multiple: true, default: [...PARTS] },
      match: { type: "string", default: "" },
      json: { type: "string" },
      dir: { type: "string", default: ".bench" },
      profile: { type: "boolean", default: false },
      "plain-programs": { type: "boolean", default: false },
    },
  });
  const { size, only, match, json, dir, profile } = values;
  if (!isOneOf(Object.keys(SCALES) as (keyof typeof SCALES)[], size)) {
    throw new TypeError(`--size is ${size}: ${Object.keys(SCALES).join(", ")} are known`);
  }
  const parts = only.map((part) => {
    if (!isOneOf(PARTS, part)) throw new TypeError(`--only is ${part}: ${PARTS.join(", ")} are known`);
    return part;
  });
  const plainPrograms = values["plain-programs"];
  return { size, scale: SCALES[size], parts, match, json, directory: dir, profile, plainPrograms };
}

function isOneOf<Word extends string>(words: readonly Word[], text: string): text is Word {
  return (words as readonly string[]).includes(text);
}
