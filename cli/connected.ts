import type { Command } from "commander";
import type { Client } from "../src/index.ts";
import { MillraceError } from "../src/errors/index.ts";
import { CliError, ExitCode } from "./cli-error.ts";
import type { Io } from "./io.ts";
import { withPlainDeadline } from "./output/deadline.ts";
import { resolveSettings, type Settings } from "./settings/settings.ts";

/** A command that is under way: its connection, and by which settings it goes. */
export interface Connected {
  readonly client: Client;
  readonly settings: Settings;
}

/** Connects as the settings say, does the work, and closes the connection whatever comes of it. */
export async function withConnection(
  io: Io,
  command: Command,
  work: (connected: Connected) => Promise<void>,
): Promise<void> {
  const settings = await resolveSettings(command, io);
  try {
    const client = await connectTo(settings);
    try {
      await work({ client, settings });
    } finally {
      await client.close();
    }
  } catch (error) {
    throw withPlainDeadline(error, settings.timeoutMs);
  }
}

/** Loaded when needed: gRPC takes longer to load than commands without a broker take to run. */
async function connectTo({ broker, timeoutMs }: Settings): Promise<Client> {
  const { connect } = await import("../src/index.ts");
  try {
    return await connect({ brokers: broker.split(","), timeoutMs, clientId: "millrace-cli" });
  } catch (error) {
    // Nothing has been asked yet: what is refused here is the setting.
    if (!(error instanceof MillraceError) || error.reason !== "INVALID_REQUEST") throw error;
    throw new CliError(ExitCode.usage, error.message, error);
  }
}
