/**
 * Settings of a broker process. Each can come from a flag, from the environment (`MILLRACE_…`) or from a YAML file,
 * in that order of precedence, and is checked at start.
 */
import { z } from "zod";
import { parse as parseYaml } from "yaml";
import { StartError } from "./errors/index.ts";

const MIB = 1_048_576;

/** Text from a flag or the environment must be all digits: "" or "1e3" is no number here. */
const digits = (value: unknown) =>
  typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
const count = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.preprocess(digits, z.number({ error }).int({ error }).min(min, { error }).max(max, { error }));
};
const endpoint = z.string().regex(/^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, "must be HOST:PORT");

/** The settings with their ranges and defaults; names as in the YAML file, `--flags` and `MILLRACE_` variables. */
export const ServerConfigSchema = z.strictObject({
  data: z.string().min(1).default("./data").describe("folder of all data"),
  host: z.string().min(1).default("127.0.0.1").describe("address to listen on"),
  port: count(0, 65_535).default(7171).describe("port of the gRPC API; 0 takes a free one"),
  advertise: endpoint.optional().describe("endpoint that clients are told, HOST:PORT"),
  brokerId: count(0, 2 ** 31 - 1)
    .default(0)
    .describe("id of this broker in its cluster"),
  logLevel: z
    .enum(["debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("least severe log line"),
  drainMs: count(0, 600_000).default(10_000).describe("longest wait for open calls at shutdown"),
  partitions: count(1, 10_000).default(1).describe("partitions of a topic created without a count"),
  partitionsMax: count(1, 100_000).default(20_000).describe("most partitions of all topics"),
  cacheBytes: count(0, 4 * 1_024 * MIB - 1)
    .default(8 * MIB)
    .describe("bytes of the newest batches kept in memory"),
  produceBytesMax: count(MIB, 64 * 1_024 * MIB)
    .default(64 * MIB)
    .describe("bytes of unanswered produce calls"),
  openFilesMax: count(16, 1_000_000).default(4_096).describe("segment files kept open"),
  producerExpirationMs: count(1_000, 2 ** 53 - 1)
    .default(86_400_000)
    .describe("how long an idle producer is remembered"),
  offsetsRetentionMs: count(1_000, 2 ** 53 - 1)
    .optional()
    .describe("how long a group may be empty before its committed offsets expire; never if absent"),
  connectionsMax: count(1, 100_000).default(1_000).describe("most connections"),
  connectionsPerIpMax: count(1, 100_000).default(50).describe("most connections of one remote address"),
  keepaliveTimeMs: count(100, 3_600_000)
    .default(10_000)
    .describe("milliseconds after which a connection is asked whether its client still answers"),
  keepaliveTimeoutMs: count(100, 600_000)
    .default(5_000)
    .describe("milliseconds to wait for that answer before the connection is cut"),
  topicDefaults: z
    .record(z.string(), z.coerce.string())
    .default({})
    .describe("configs of topics that set none"),
});

/** All settings, checked and complete. */
export type ServerConfig = z.infer<typeof ServerConfigSchema>;

/** Name of a setting. */
export type SettingName = keyof ServerConfig;

/** Where settings come from; later ones yield to earlier ones. */
export interface SettingSources {
  readonly flags: Readonly<Partial<Record<SettingName, unknown>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Text of the YAML file, with its name for errors. */
  readonly file?: { readonly name: string; readonly text: string };
}

/** `MILLRACE_` and the name in capitals: brokerId is MILLRACE_BROKER_ID. */
export function environmentName(setting: string): string {
  return `MILLRACE_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Puts the settings together. Throws StartError INVALID_SETTING that names the setting and where it came from. */
export function loadConfig(sources: SettingSources): ServerConfig {
  const values: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  const take = (name: string, value: unknown, origin: string) => {
    if (value === undefined || Object.hasOwn(values, name)) return;
    values[name] = value;
    origins[name] = origin;
  };
  const names = Object.keys(ServerConfigSchema.shape);
  for (const [name, value] of Object.entries(sources.flags)) take(name, value, `--${dashed(name)}`);
  for (const name of names) {
    if (name === "topicDefaults") continue; // a map: from the file or --topic-default
    take(name, sources.environment[environmentName(name)], environmentName(name));
  }
  for (const [name, value] of Object.entries(readFileSettings(sources.file))) {
    take(name, value, `${name} in ${sources.file?.name}`);
  }
  const parsed = ServerConfigSchema.safeParse(values);
  if (!parsed.success) throw invalidSetting(parsed.error.issues[0]!, values, origins);
  requireReachable(parsed.data);
  return parsed.data;
}

function readFileSettings(file: SettingSources["file"]): Record<string, unknown> {
  if (file === undefined) return {};
  let content: unknown;
  try {
    content = parseYaml(file.text);
  } catch (error) {
    throw new StartError("INVALID_SETTING", `${file.name} is not valid YAML: ${String(error)}`, error);
  }
  if (content === null || content === undefined) return {};
  if (typeof content === "object" && !Array.isArray(content)) {
    // "log-level" as on the command line, or "logLevel".
    return Object.fromEntries(Object.entries(content).map(([name, value]) => [camelCased(name), value]));
  }
  throw new StartError("INVALID_SETTING", `${file.name} must hold settings as "name: value" lines`);
}

function invalidSetting(
  issue: z.core.$ZodIssue,
  values: Readonly<Record<string, unknown>>,
  origins: Readonly<Record<string, string>>,
): StartError {
  const name = issue.code === "unrecognized_keys" ? (issue.keys[0] ?? "") : String(issue.path[0] ?? "");
  const origin = origins[name] ?? name;
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(ServerConfigSchema.shape).map(dashed).join(", ");
    return new StartError("INVALID_SETTING", `there is no setting ${origin}; known: ${known}`);
  }
  const value = Object.hasOwn(values, name) ? ` is ${JSON.stringify(values[name])}` : "";
  return new StartError("INVALID_SETTING", `setting ${origin}${value}: ${issue.message}`);
}

/** A broker that listens everywhere must be told under which address clients can dial it. */
function requireReachable(config: ServerConfig): void {
  const listensEverywhere = config.host === "0.0.0.0" || config.host === "::";
  if (!listensEverywhere || config.advertise !== undefined) return;
  throw new StartError(
    "INVALID_SETTING",
    `host ${config.host} listens on all addresses, so clients must be told which one to dial; set --advertise HOST:PORT`,
  );
}

function camelCased(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
