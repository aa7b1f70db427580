import { readFile } from "node:fs/promises";
import { Command, Option } from "commander";
import {
  environmentName,
  loadConfig,
  type ServerConfig,
  ServerConfigSchema,
  type SettingName,
} from "../../src/config.ts";
import { StartError } from "../../src/errors/index.ts";
import { VERSION } from "../../src/version.ts";

const EXAMPLES = `
Examples:
  millrace start                              data in ./data, gRPC on 127.0.0.1:7171
  millrace start --data /var/lib/millrace --port 7171
  millrace start --host 0.0.0.0 --advertise broker1.example.com:7171
  millrace start --topic-default retention.ms=86400000
  millrace start --config millrace.yaml       settings as "name: value" lines

Each setting can also come from the environment or the file; a flag goes before the
environment, the environment before the file. SIGTERM and Ctrl-C finish what was begun,
flush and stop; a second one stops at once, which loses nothing that was acknowledged.`;

const DEFAULTS: Readonly<Partial<Record<SettingName, unknown>>> = ServerConfigSchema.parse({});

/** Settings given as several flags of their own shape. */
const SPECIAL: readonly SettingName[] = ["topicDefaults"];

/** `millrace start`: runs a broker in the foreground. */
export function startCommand(): Command {
  const command = new Command("start")
    .summary("run a broker")
    .description("Runs a broker in the foreground.");
  for (const [name, schema] of Object.entries(ServerConfigSchema.shape)) {
    if (SPECIAL.includes(name as SettingName)) continue;
    const preset = DEFAULTS[name as SettingName];
    const hint = preset === undefined ? "" : `default ${preset}, `;
    command.addOption(
      new Option(`${flagOf(name)} <value>`, `${schema.description} (${hint}${environmentName(name)})`),
    );
  }
  command
    .option("--topic-default <name=value>", "config of topics that set none; repeatable", collectDefault, {})
    .option("--config <file>", "YAML file with settings (MILLRACE_CONFIG)")
    .addHelpText("after", EXAMPLES)
    .action(async (options: Record<string, unknown>) => start(await configOf(options)));
  return command;
}

async function start(config: ServerConfig): Promise<void> {
  // Loaded here, because every other command would wait for it too.
  const { serve } = await import("../../src/server.ts");
  const server = await serve(config);
  process.stdout.write(`Millrace ${VERSION} listening on ${server.endpoint}, data in ${config.data}\n`);
  await server.stopped;
}

async function configOf(options: Readonly<Record<string, unknown>>): Promise<ServerConfig> {
  const { topicDefault, config: file, ...flags } = options;
  const name = file ?? process.env.MILLRACE_CONFIG;
  const hasDefaults = Object.keys(topicDefault as object).length > 0;
  return loadConfig({
    flags: { ...flags, ...(hasDefaults ? { topicDefaults: topicDefault } : {}) },
    environment: process.env,
    ...(typeof name === "string" ? { file: { name, text: await readSettings(name) } } : {}),
  });
}

async function readSettings(name: string): Promise<string> {
  try {
    return await readFile(name, "utf8");
  } catch (error) {
    const { message } = error as Error;
    throw new StartError("INVALID_SETTING", `the settings in ${name} cannot be read: ${message}`, error);
  }
}

function collectDefault(text: string, sofar: Record<string, string>): Record<string, string> {
  const [name = "", ...value] = text.split("=");
  return { ...sofar, [name]: value.join("=") };
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
