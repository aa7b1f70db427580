import type { Logger } from "../base/index.ts";
import { type Effect, MillraceError, StartError } from "../errors/index.ts";
import { FileSystemError, type FileSystem, isMissing, isOutOfSpace } from "../fs/index.ts";
import { passingRefusal } from "../log/index.ts";
import {
  type MetadataStore,
  StoreDamagedError,
  StoreFailedError,
  StoreLockedError,
  TopicConflictError,
} from "../metadata/index.ts";

const HOLDER_FILE = "holder.json";

/** What opening the metadata needs of the broker's options. */
export interface MetadataLocation {
  readonly fs: FileSystem;
  readonly metadata: MetadataStore;
  readonly dataDir: string;
  /** Who opens it, for the error that a second one gets. */
  readonly holder?: string;
  readonly logger?: Logger;
}

/**
 * Opens the metadata store, whose lock keeps a second broker out of the data folder, and notes who holds it. Throws
 * StartError.
 */
export async function openMetadata(location: MetadataLocation): Promise<void> {
  const { fs, metadata, dataDir, holder = "an unnamed process", logger } = location;
  try {
    await makeDurably(fs, dataDir);
    await metadata.open();
  } catch (error) {
    throw await asStartError(error, fs, dataDir);
  }
  await noteHolder(fs, dataDir, holder).catch((error: unknown) => {
    logger?.warn(
      { error: String(error) },
      "holder of the data folder not noted; a second broker cannot name it",
    );
  });
}

/** Makes a folder with its missing parents, so that a power loss takes none of them. */
async function makeDurably(fs: FileSystem, folder: string): Promise<void> {
  const parents = [parentOf(folder)];
  while (!(await exists(fs, parents[0]!))) parents.unshift(parentOf(parents[0]!));
  await fs.makeDirectory(folder);
  for (const parent of parents) await fs.syncDirectory(parent);
}

async function exists(fs: FileSystem, folder: string): Promise<boolean> {
  try {
    await fs.list(folder);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function parentOf(path: string): string {
  const end = path.replace(/\/+$/, "").lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, Math.max(end, 1));
}

/** What keeps a broker from starting in our words; whatever is no failure of the disk or the store passes as it is. */
export async function asStartError(error: unknown, fs: FileSystem, dataDir: string): Promise<unknown> {
  if (error instanceof StoreLockedError) {
    const text = `data folder ${dataDir} is in use by ${await readHolder(fs, dataDir)}; stop that broker, or give this one another folder with --data`;
    return new StartError("DATA_FOLDER_LOCKED", text, error);
  }
  if (error instanceof StoreDamagedError) return new StartError("METADATA_DAMAGED", error.message, error);
  if (error instanceof FileSystemError || error instanceof StoreFailedError) {
    const text = `data folder ${dataDir} cannot be used: ${error.message}; check that it exists, is writable and has space, or choose another with --data`;
    return new StartError("DATA_FOLDER_UNUSABLE", text, error);
  }
  return error;
}

/** For people only, so it need not be durable: the lock is the store's. */
async function noteHolder(fs: FileSystem, dataDir: string, holder: string): Promise<void> {
  await fs.remove(`${dataDir}/${HOLDER_FILE}`);
  const file = await fs.open(`${dataDir}/${HOLDER_FILE}`, "create");
  try {
    await file.write([Buffer.from(`${JSON.stringify({ holder })}\n`)], 0);
  } finally {
    await file.close();
  }
}

async function readHolder(fs: FileSystem, dataDir: string): Promise<string> {
  try {
    const content: unknown = JSON.parse(
      (await fs.readFile(`${dataDir}/${HOLDER_FILE}`, 4_096)).toString("utf8"),
    );
    const holder = (content as { holder?: unknown } | null)?.holder;
    return typeof holder === "string" ? holder : "another process";
  } catch (error) {
    // The other broker may be writing it just now; its name is a courtesy.
    if (isMissing(error) || error instanceof SyntaxError) return "another process";
    throw error;
  }
}

/**
 * A failure of the disk or of the metadata store while topics are changed, as the caller is to see it. `effect` says
 * whether the change may hold nevertheless; undefined leaves that to the failure.
 */
export function changeFailure(error: unknown, topic: string, effect?: Effect): MillraceError {
  const isFull = isOutOfSpace(error) || (error instanceof StoreFailedError && error.isOutOfSpace);
  if (isFull) {
    const text = `there is no space left on the disk to change topic ${topic}; free space and try again`;
    return new MillraceError("STORAGE_FULL", text, { details: { topic }, cause: error, effect });
  }
  if (error instanceof TopicConflictError) {
    const text = `topic ${topic} was changed by another at the same time; try again`;
    return new MillraceError("OVERLOADED", text, { details: { topic }, cause: error, effect });
  }
  return passingRefusal(error, `topic ${topic}`) ?? MillraceError.from(error);
}
