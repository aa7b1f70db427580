/** What the verbs of `millrace topic` do. */
import type { Command } from "commander";
import type { Admin, TopicConfigChange, TopicDescription } from "../../src/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { type NameValue, toRecord } from "../arguments/name-value.ts";
import { usageError } from "../cli-error.ts";
import { confirmLoss } from "../confirm.ts";
import type { Io } from "../io.ts";
import { printResult } from "../output/print.ts";
import { configsText, topicListText, topicText } from "../output/topic-tables.ts";
import { type Connected, withConnection } from "../connected.ts";

/** Prints all topics; those of the broker itself only if asked to. */
export async function listTopics(io: Io, command: Command, includeInternal: boolean): Promise<void> {
  await withConnection(io, command, async ({ client, settings }) => {
    const topics = await client.admin().listTopics({ includeInternal });
    await printResult(printer(io, settings), topics, () => topicListText(topics, io.stdout));
  });
}

/** Prints topics in the order of the names. */
export async function describeTopics(io: Io, command: Command, names: readonly string[]): Promise<void> {
  await withConnection(io, command, async ({ client, settings }) => {
    const topics = await client.admin().describeTopics(names);
    await printResult(printer(io, settings), topics, () =>
      topics.map((topic) => topicText(topic, io.stdout)).join("\n"),
    );
  });
}

/** Options of `topic create`. */
export type CreateOptions = {
  readonly partitions?: number;
  readonly config?: readonly NameValue[];
  readonly ifNotExists?: true;
  readonly dryRun?: true;
};

/** Creates a topic and prints it. */
export async function createTopic(
  io: Io,
  command: Command,
  name: string,
  options: CreateOptions,
): Promise<void> {
  await withConnection(io, command, async (connected) => {
    const topic = await created(connected, name, options);
    if (options.dryRun === true) io.stderr.write(`topic "${name}" could be created; nothing was\n`);
    else await printTopic(io, connected, topic);
  });
}

async function created(
  { client }: Connected,
  name: string,
  options: CreateOptions,
): Promise<TopicDescription> {
  const admin = client.admin();
  try {
    return await admin.createTopic({
      name,
      configs: toRecord(options.config),
      validateOnly: options.dryRun === true,
      ...(options.partitions === undefined ? {} : { partitionCount: options.partitions }),
    });
  } catch (error) {
    const exists = error instanceof MillraceError && error.reason === "TOPIC_ALREADY_EXISTS";
    if (!exists || options.ifNotExists !== true) throw error;
    return admin.describeTopic(name);
  }
}

/** Changes configs and prints all of the topic's. */
export async function alterTopic(
  io: Io,
  command: Command,
  name: string,
  change: Required<TopicConfigChange>,
): Promise<void> {
  if (Object.keys(change.set).length + change.reset.length === 0) {
    throw usageError("nothing to change; give --set NAME=VALUE or --reset NAME");
  }
  for (const config of change.reset) {
    if (Object.hasOwn(change.set, config))
      throw usageError(`config "${config}" is in --set and in --reset; give one of them`);
  }
  await withConnection(io, command, async ({ client, settings }) => {
    const configs = await client.admin().alterTopicConfig(name, change);
    await printResult(printer(io, settings), configs, () => configsText(configs, io.stdout));
  });
}

/** Raises the number of partitions and prints the topic. */
export async function addPartitions(io: Io, command: Command, name: string, count: number): Promise<void> {
  await withConnection(io, command, async (connected) => {
    await printTopic(io, connected, await connected.client.admin().addPartitions(name, count));
  });
}

/** Deletes topics, after asking: none if one does not exist. Stops at the first that fails; those before are gone. */
export async function deleteTopics(
  io: Io,
  command: Command,
  given: readonly string[],
  isConfirmed: boolean,
): Promise<void> {
  const names = [...new Set(given)];
  const what = names.length === 1 ? `topic "${names[0]}"` : `${names.length} topics (${names.join(", ")})`;
  await confirmLoss(io, `This deletes ${what} with all records.`, isConfirmed);
  await withConnection(io, command, async ({ client }) => {
    const admin = client.admin();
    await requireTopics(admin, names);
    for (const name of names) {
      await admin.deleteTopic(name);
      io.stderr.write(`deleted topic "${name}"\n`);
    }
  });
}

/** Throws TOPIC_NOT_FOUND with all that do not exist. */
async function requireTopics(admin: Admin, names: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const name of names) {
    try {
      await admin.describeTopic(name);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason !== "TOPIC_NOT_FOUND") throw error;
      const nearest = error.details.nearest?.replaceAll(",", " or ");
      missing.push(`no topic "${name}"${nearest ? ` (did you mean ${nearest}?)` : ""}`);
    }
  }
  if (missing.length === 0) return;
  throw new MillraceError(
    "TOPIC_NOT_FOUND",
    `there is ${missing.join(", ")}; nothing was deleted (\`millrace topic list\` shows what there is)`,
  );
}

/** Options of `topic trim`. */
export type TrimCommandOptions = {
  readonly partition: number;
  readonly before?: number;
  readonly all?: true;
  readonly yes?: true;
};

/** Moves the log start of a partition, after asking, and prints it. */
export async function trimPartition(
  io: Io,
  command: Command,
  topic: string,
  options: TrimCommandOptions,
): Promise<void> {
  const { partition, before } = options;
  if (before === undefined && options.all !== true) {
    throw usageError("nothing to trim; give --before OFFSET, or --all to drop every record of the partition");
  }
  const what = before === undefined ? "every record" : `every record before offset ${before}`;
  await confirmLoss(io, `This drops ${what} of "${topic}", partition ${partition}.`, options.yes === true);
  await withConnection(io, command, async ({ client, settings }) => {
    const logStartOffset = await client
      .admin()
      .trimPartition({ topic, partition, ...(before === undefined ? {} : { beforeOffset: before }) });
    const result = { topic, partition, logStartOffset };
    await printResult(printer(io, settings), result, () => `${logStartOffset}\n`);
  });
}

async function printTopic(io: Io, { settings }: Connected, topic: TopicDescription): Promise<void> {
  await printResult(printer(io, settings), topic, () => topicText(topic, io.stdout));
}

function printer(io: Io, settings: Connected["settings"]) {
  return { stdout: io.stdout, format: settings.output };
}
