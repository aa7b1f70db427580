import { type DirectoryEntry, type FileSystem, FileSystemError } from "../../src/fs/index.ts";
import { baseOffsetOfLogName, DELETED_SUFFIX, LOG_SUFFIX, SWAP_SUFFIX } from "../../src/log/index.ts";
import { CliError, ExitCode } from "../cli-error.ts";

/** A segment on disk. */
export interface SegmentFiles {
  readonly baseOffset: number;
  readonly logPath: string;
  readonly offsetIndexPath: string;
  readonly timeIndexPath: string;
}

/** The segments of a partition, in order, or the one that was named. */
export interface PartitionFiles {
  /** `<topic>-<partition>`. */
  readonly name: string;
  readonly folder: string;
  readonly segments: readonly SegmentFiles[];
  /** All segments of the folder are there to be looked at, not just one that was named. */
  readonly isWhole: boolean;
}

/** An index that was named. */
export interface IndexFile {
  readonly file: string;
  readonly baseOffset: number;
}

/** What a path led to. */
export interface FoundLogs {
  readonly partitions: readonly PartitionFiles[];
  /** The folder of the partitions with its checkpoints, if the path led to a data folder. */
  readonly root: string | undefined;
  /** The file itself, if the path named an index. */
  readonly index?: IndexFile;
}

const PARTITION_FOLDER = /^.+-\d{1,5}$/;

/**
 * Finds the segments that a path means: a data folder, its folder of partitions, a partition's folder, or a file of a
 * segment. Throws CliError if it is none of these.
 */
export async function findLogs(fs: FileSystem, path: string): Promise<FoundLogs> {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, "") : path;
  if ((await fs.fileSize(trimmed)) !== undefined) return namedFile(trimmed);
  const entries = await listFolder(fs, trimmed);
  if (entries.some(({ name, kind }) => kind === "directory" && name === "partitions")) {
    return findPartitions(fs, `${trimmed}/partitions`);
  }
  if (entries.some(({ name }) => baseOffsetOfLogName(name) !== undefined)) {
    return { partitions: [partitionFiles(trimmed, entries)], root: undefined };
  }
  return findPartitions(fs, trimmed);
}

async function findPartitions(fs: FileSystem, root: string): Promise<FoundLogs> {
  const folders = (await fs.list(root)).filter(
    ({ name, kind }) => kind === "directory" && PARTITION_FOLDER.test(name) && !name.endsWith(DELETED_SUFFIX),
  );
  const isPartitionsFolder = /(?:^|\/)partitions$/.test(root);
  if (folders.length === 0 && !isPartitionsFolder) throw nothingThere(root);
  const partitions: PartitionFiles[] = [];
  for (const { name } of folders) {
    const folder = `${root}/${name}`;
    partitions.push(partitionFiles(folder, await fs.list(folder)));
  }
  return { partitions, root: isPartitionsFolder ? root : undefined };
}

async function listFolder(fs: FileSystem, path: string): Promise<DirectoryEntry[]> {
  try {
    return await fs.list(path);
  } catch (error) {
    if (!(error instanceof FileSystemError) || error.code !== "ENOENT") throw error;
    throw new CliError(
      ExitCode.notFound,
      `there is no file or folder ${path}; name a data folder, a partition's folder or a segment`,
    );
  }
}

function partitionFiles(folder: string, entries: readonly DirectoryEntry[]): PartitionFiles {
  const files = new Set(entries.flatMap(({ name, kind }) => (kind === "file" ? [name] : [])));
  const segments = [...files].flatMap((name) => {
    const isSwap = name.endsWith(SWAP_SUFFIX);
    const baseOffset = baseOffsetOfLogName(isSwap ? name.slice(0, -SWAP_SUFFIX.length) : name);
    // A cleaned segment that waits for its name counts instead of the one that has it.
    if (baseOffset === undefined || files.has(name + SWAP_SUFFIX)) return [];
    return [segmentFiles(`${folder}/${name}`, baseOffset)];
  });
  segments.sort((a, b) => a.baseOffset - b.baseOffset);
  return { name: lastName(folder), folder, segments, isWhole: true };
}

/** Any of a segment's three files names it. */
function namedFile(path: string): FoundLogs {
  const logPath = path.replace(/\.(?:log|index|timeindex)$/, LOG_SUFFIX);
  const baseOffset = baseOffsetOfLogName(lastName(logPath));
  if (baseOffset === undefined) throw nothingThere(path);
  const folder = logPath.includes("/") ? logPath.slice(0, logPath.lastIndexOf("/")) : ".";
  const segments = [segmentFiles(logPath, baseOffset)];
  const partitions = [{ name: lastName(folder), folder, segments, isWhole: false }];
  return { partitions, root: undefined, ...(logPath === path ? {} : { index: { file: path, baseOffset } }) };
}

function segmentFiles(logPath: string, baseOffset: number): SegmentFiles {
  const stem = logPath.endsWith(LOG_SUFFIX) ? logPath.slice(0, -LOG_SUFFIX.length) : logPath;
  return {
    baseOffset,
    logPath,
    offsetIndexPath: `${stem}.index`,
    timeIndexPath: `${stem}.timeindex`,
  };
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function nothingThere(path: string): CliError {
  return new CliError(
    ExitCode.usage,
    `${path} holds no log; name a data folder, a partition's folder such as "data/partitions/orders-0", or a segment such as "00000000000000000000.log"`,
  );
}
