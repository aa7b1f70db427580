/** What the verbs of `millrace group` do, but for describe. */
import type { Command } from "commander";
import type { Admin, SeekTarget } from "../../src/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { usageError } from "../cli-error.ts";
import { confirmLoss } from "../confirm.ts";
import { withConnection } from "../connected.ts";
import type { Io } from "../io.ts";
import { groupListText, soughtText } from "../output/group-tables.ts";
import { printResult } from "../output/print.ts";
import { formatCounted } from "../output/quantities.ts";
import type { Settings } from "../settings/settings.ts";

/** Prints all groups. */
export async function listGroups(io: Io, command: Command): Promise<void> {
  await withConnection(io, command, async ({ client, settings }) => {
    const groups = await client.admin().listGroups();
    await printResult(printer(io, settings), groups, () => groupListText(groups, io.stdout));
  });
}

/** Options of `group seek`. */
export type SeekOptions = {
  readonly to?: SeekTarget;
  readonly toGroup?: string;
  readonly topic?: string;
  readonly partition?: readonly number[];
  readonly dryRun?: true;
};

/** Moves the committed offsets of a group, or says what would be moved, and prints from where to where. */
export async function seekGroup(
  io: Io,
  command: Command,
  group: string,
  options: SeekOptions,
): Promise<void> {
  const { topic, partition: partitions, toGroup } = options;
  const to = toGroup === undefined ? options.to : { otherGroup: toGroup };
  if (to === undefined) throw usageError("nowhere to go; give --to PLACE, or --to-group GROUP");
  requireTopic(topic, partitions);
  await withConnection(io, command, async ({ client, settings }) => {
    const sought = await client.admin().seekGroup({
      group,
      to,
      dryRun: options.dryRun === true,
      ...(topic === undefined ? {} : { topic }),
      ...(partitions === undefined ? {} : { partitions }),
    });
    await printResult(printer(io, settings), sought, () => soughtText(sought, io.stdout));
    if (sought.length === 0) io.stderr.write(`group "${group}" has no committed offsets to move\n`);
    else if (options.dryRun === true) io.stderr.write("a dry run: nothing was moved\n");
  });
}

function requireTopic(topic: string | undefined, partitions: readonly number[] | undefined): void {
  if (topic === undefined && partitions !== undefined) {
    throw usageError("--partition needs the topic that it is of; give --topic TOPIC");
  }
}

/** Deletes groups, after asking: none if one does not exist or has members. */
export async function deleteGroups(
  io: Io,
  command: Command,
  given: readonly string[],
  isConfirmed: boolean,
): Promise<void> {
  const names = [...new Set(given)];
  const what = names.length === 1 ? `group "${names[0]}"` : `${names.length} groups (${names.join(", ")})`;
  await confirmLoss(io, `This deletes ${what} with all committed offsets.`, isConfirmed);
  await withConnection(io, command, async ({ client }) => {
    const admin = client.admin();
    if (names.length > 1) await requireDeletable(admin, names);
    for (const name of names) {
      await admin.deleteGroup(name);
      io.stderr.write(`deleted group "${name}"\n`);
    }
  });
}

/** Throws GROUP_NOT_FOUND or GROUP_NOT_EMPTY of the first that cannot be deleted. */
async function requireDeletable(admin: Admin, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { memberCount } = await describe(admin, name);
    if (memberCount === 0) continue;
    const members = formatCounted(memberCount, "member");
    throw new MillraceError(
      "GROUP_NOT_EMPTY",
      `group "${name}" has ${members}; nothing was deleted. Stop them first (\`millrace group describe ${name}\` shows them)`,
    );
  }
}

async function describe(admin: Admin, name: string) {
  try {
    return await admin.describeGroup(name);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.reason !== "GROUP_NOT_FOUND") throw error;
    throw new MillraceError(error.reason, `${error.message}; nothing was deleted`, { cause: error });
  }
}

/** Options of `group delete-offsets`. */
export type DeleteOffsetsCommandOptions = {
  readonly topic: string;
  readonly partition?: readonly number[];
  readonly yes?: true;
};

/** Deletes committed offsets of a topic, after asking, and prints how many there were. */
export async function deleteOffsets(
  io: Io,
  command: Command,
  group: string,
  options: DeleteOffsetsCommandOptions,
): Promise<void> {
  const { topic, partition: partitions } = options;
  const where = partitions === undefined ? "" : `, partition ${partitions.join(", ")},`;
  const question = `This forgets how far group "${group}" has read "${topic}"${where}.`;
  await confirmLoss(io, question, options.yes === true);
  await withConnection(io, command, async ({ client, settings }) => {
    const deleted = await client
      .admin()
      .deleteOffsets({ group, topic, ...(partitions === undefined ? {} : { partitions }) });
    await printResult(printer(io, settings), { group, topic, deleted }, () => `${deleted}\n`);
  });
}

function printer(io: Io, settings: Settings) {
  return { stdout: io.stdout, format: settings.output };
}
