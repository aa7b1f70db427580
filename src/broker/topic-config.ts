/**
 * The configs a topic may have: Kafka's names and meanings (TopicConfig), and `flush.mode`, which says what an ack
 * means. One table; validation, defaults and documentation are read off it.
 */
import { BATCH_BYTES_DEFAULT, BATCH_BYTES_MAX, nearestNames } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { LogConfig } from "../log/index.ts";
import type { TopicConfigEntry } from "./types.ts";

/** Kafka's way to write "no limit" for 64-bit configs. */
const UNLIMITED = "9223372036854775807";
const INT32_MAX = 2 ** 31 - 1;
const DAY_MS = 86_400_000;

interface Definition {
  readonly defaultValue: string;
  /** For people: the type and range. */
  readonly allowed: string;
  /** What it does, in a sentence. */
  readonly purpose: string;
  readonly isValid: (text: string) => boolean;
}

const whole = (min: number, max: number, defaultValue: string | number, purpose: string): Definition => ({
  defaultValue: String(defaultValue),
  allowed: `a whole number from ${min} to ${max === Number.MAX_SAFE_INTEGER ? UNLIMITED : max}`,
  purpose,
  isValid: (text) => {
    if (!/^-?\d{1,19}$/.test(text) || BigInt(text) > BigInt(UNLIMITED)) return false;
    const value = Number(text);
    return value >= min && (value <= max || max === Number.MAX_SAFE_INTEGER);
  },
});

const fraction = (defaultValue: number, purpose: string): Definition => ({
  defaultValue: String(defaultValue),
  allowed: "a number from 0 to 1",
  purpose,
  isValid: (text) => /^\d(\.\d{1,15})?$/.test(text) && Number(text) <= 1,
});

const oneOf = (values: readonly string[], purpose: string): Definition => ({
  defaultValue: values[0]!,
  allowed: values.length === 1 ? `"${values[0]}"` : `one of ${values.map((v) => `"${v}"`).join(", ")}`,
  purpose,
  isValid: (text) => values.includes(text),
});

const LONG_MAX = Number.MAX_SAFE_INTEGER;

/** All topic configs by name. */
export const TOPIC_CONFIGS = {
  "cleanup.policy": oneOf(
    ["delete", "compact", "compact,delete", "delete,compact"],
    "What happens to old records: deleted by age and size, superseded ones removed by key, or both.",
  ),
  "compression.type": oneOf(["producer"], "Batches are kept compressed as the producer sent them."),
  "delete.retention.ms": whole(
    0,
    LONG_MAX,
    DAY_MS,
    "With compaction: how long a tombstone stays once it was met, so that readers see the deletion.",
  ),
  "file.delete.delay.ms": whole(
    0,
    LONG_MAX,
    60_000,
    "Wait before the files of deleted segments are removed.",
  ),
  "flush.messages": whole(1, LONG_MAX, UNLIMITED, "With flush.mode=written: flush after this many records."),
  "flush.mode": oneOf(
    ["durable", "written"],
    "When an append is acknowledged and readable: flushed to disk, or written to the page cache.",
  ),
  "flush.ms": whole(0, LONG_MAX, UNLIMITED, "With flush.mode=written: flush this long after a write."),
  "index.interval.bytes": whole(0, INT32_MAX, 4_096, "Bytes of log between two index positions."),
  "max.compaction.lag.ms": whole(
    1,
    LONG_MAX,
    UNLIMITED,
    "With compaction: age at which records are cleaned however few are dirty.",
  ),
  "max.message.bytes": whole(1, BATCH_BYTES_MAX, BATCH_BYTES_DEFAULT, "Largest record batch accepted."),
  "message.timestamp.after.max.ms": whole(
    0,
    LONG_MAX,
    3_600_000,
    "How far a record's timestamp may lie ahead of the broker's clock.",
  ),
  "message.timestamp.before.max.ms": whole(
    0,
    LONG_MAX,
    UNLIMITED,
    "How far a record's timestamp may lie behind the broker's clock.",
  ),
  "message.timestamp.type": oneOf(
    ["CreateTime", "LogAppendTime"],
    "Whose clock sets the timestamps: the producer's or the broker's.",
  ),
  "min.cleanable.dirty.ratio": fraction(
    0.5,
    "With compaction: share of bytes not cleaned yet above which a partition is cleaned.",
  ),
  "min.compaction.lag.ms": whole(0, LONG_MAX, 0, "With compaction: age up to which records are not cleaned."),
  "retention.bytes": whole(-1, LONG_MAX, -1, "Bytes kept in each partition; -1 sets no limit."),
  "retention.ms": whole(-1, LONG_MAX, 7 * DAY_MS, "Age up to which records are kept; -1 sets no limit."),
  "segment.bytes": whole(1_024, INT32_MAX, 1_073_741_824, "Size at which a new segment is begun."),
  "segment.index.bytes": whole(
    64,
    64 * 1_048_576,
    10 * 1_048_576,
    "Size of an index at which a new segment is begun.",
  ),
  "segment.ms": whole(1, LONG_MAX, 7 * DAY_MS, "Age at which a new segment is begun."),
  "stream.index": oneOf(
    ["false", "true"],
    "Whether records of one key are a stream that is appended to and read by revision.",
  ),
} as const satisfies Record<string, Definition>;

/** Name of a topic config. */
export type TopicConfigName = keyof typeof TOPIC_CONFIGS;

/** Values set, by name; what is absent has its default. */
export type TopicConfigValues = Readonly<Record<string, string>>;

function definitionOf(name: string): Definition {
  if (Object.hasOwn(TOPIC_CONFIGS, name)) return TOPIC_CONFIGS[name as TopicConfigName];
  const nearest = nearestNames(name, Object.keys(TOPIC_CONFIGS));
  const hint = nearest.length > 0 ? `; did you mean ${nearest.join(" or ")}?` : ";";
  const allowed = Object.keys(TOPIC_CONFIGS).join(", ");
  throw new MillraceError(
    "INVALID_CONFIG",
    `there is no topic config ${JSON.stringify(name)}${hint} known: ${allowed}`,
    {
      details: { config: name, allowed },
    },
  );
}

/** Refuses unknown names and invalid values with INVALID_CONFIG. */
export function checkTopicConfigs(values: TopicConfigValues): void {
  for (const [name, value] of Object.entries(values)) {
    const { isValid, allowed } = definitionOf(name);
    if (isValid(value)) continue;
    throw new MillraceError(
      "INVALID_CONFIG",
      `${name}=${JSON.stringify(value)} is not valid; allowed is ${allowed}`,
      {
        details: { config: name, value, allowed },
      },
    );
  }
}

/** Refuses a name that is not a topic config. */
export function checkTopicConfigName(name: string): void {
  definitionOf(name);
}

/** All configs with their values in force, in order of names. */
export function describeConfigs(values: TopicConfigValues): TopicConfigEntry[] {
  return Object.entries(TOPIC_CONFIGS).map(([name, { defaultValue }]) => ({
    name,
    value: values[name] ?? defaultValue,
    isSet: values[name] !== undefined,
  }));
}

/** The configs as the log reads them; the values must have been checked. */
export function logConfigOf(values: TopicConfigValues): LogConfig {
  const text = (name: TopicConfigName): string => values[name] ?? TOPIC_CONFIGS[name].defaultValue;
  const number = (name: TopicConfigName): number => Number(text(name));
  const limit = (name: TopicConfigName): number | undefined => {
    const value = number(name);
    return value < 0 || value > Number.MAX_SAFE_INTEGER ? undefined : value;
  };
  const policies = text("cleanup.policy").split(",");
  return {
    segmentBytes: number("segment.bytes"),
    segmentMs: number("segment.ms"),
    segmentIndexBytes: number("segment.index.bytes"),
    indexIntervalBytes: number("index.interval.bytes"),
    batchBytesMax: number("max.message.bytes"),
    flushMode: text("flush.mode") === "written" ? "written" : "durable",
    flushMessages: limit("flush.messages"),
    flushMs: limit("flush.ms"),
    retentionMs: limit("retention.ms"),
    retentionBytes: limit("retention.bytes"),
    timestampType: text("message.timestamp.type") === "LogAppendTime" ? "append" : "create",
    timestampBeforeMaxMs: limit("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: limit("message.timestamp.after.max.ms"),
    fileDeleteDelayMs: limit("file.delete.delay.ms") ?? DAY_MS,
    deletes: policies.includes("delete"),
    // Refused together; and should they ever meet, events of streams are not for cleaning.
    compacts: policies.includes("compact") && text("stream.index") !== "true",
    deleteRetentionMs: limit("delete.retention.ms") ?? LONG_MAX,
    dirtyRatioMin: number("min.cleanable.dirty.ratio"),
    compactionLagMinMs: limit("min.compaction.lag.ms") ?? LONG_MAX,
    compactionLagMaxMs: limit("max.compaction.lag.ms"),
  };
}
