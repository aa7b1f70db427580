/**
 * The file of contexts: names for clusters and what goes with them, so that no command needs `--broker`.
 *
 *     current: production
 *     contexts:
 *       production:
 *         broker: broker1.example.com:7171,broker2.example.com:7171
 *         timeout: 30s
 *         output: json
 *
 * It lies at $XDG_CONFIG_HOME/millrace/config.yaml, or under ~/.config, where the XDG Base Directory Specification
 * puts it. It is always replaced whole, so that a crash or two commands at once leave one of the states.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { type FileSystem, isMissing } from "../../src/fs/index.ts";
import { CliError, ExitCode } from "../cli-error.ts";
import { type Contexts, parseContexts } from "./contexts.ts";

const FILE_BYTES_MAX = 1_048_576;

/** Where the contexts are kept. */
export function contextFilePath(env: Readonly<Record<string, string | undefined>>): string {
  const configured = env.XDG_CONFIG_HOME;
  // The specification wants relative paths ignored.
  const base = configured?.startsWith("/") ? configured : join(env.HOME ?? homedir(), ".config");
  return join(base, "millrace", "config.yaml");
}

/** Reads the contexts; none if there is no file. Throws CliError (usage) if the file is not as it must be. */
export async function readContexts(fs: FileSystem, path: string): Promise<Contexts> {
  let text: string;
  try {
    text = (await fs.readFile(path, FILE_BYTES_MAX)).toString("utf8");
  } catch (error) {
    if (isMissing(error)) return { current: undefined, contexts: {} };
    throw error;
  }
  const { parse } = await import("yaml");
  try {
    return parseContexts(parse(text));
  } catch (error) {
    const problem = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new CliError(ExitCode.usage, `the contexts in ${path} cannot be used: ${problem}`, error);
  }
}

/** Replaces the contexts, durably and atomically. */
export async function writeContexts(
  fs: FileSystem,
  path: string,
  contexts: Contexts,
  id: string,
): Promise<void> {
  const { stringify } = await import("yaml");
  const folder = path.slice(0, path.lastIndexOf("/"));
  await fs.makeDirectory(folder);
  // A name of its own: of two commands at once the later one wins whole.
  const temporary = `${path}.${id}.tmp`;
  const file = await fs.open(temporary, "create");
  try {
    let rest = Buffer.from(stringify(contexts), "utf8");
    for (let position = 0; rest.length > 0; ) {
      const written = await file.write([rest], position);
      position += written;
      rest = rest.subarray(written);
    }
    await file.datasync();
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.remove(temporary);
    throw error;
  } finally {
    await file.close();
  }
  await fs.syncDirectory(folder);
}
