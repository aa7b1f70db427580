/**
 * Kafka's text checkpoints: a version line "0", a line with the number of entries, then one entry a line with fields
 * separated by spaces (org.apache.kafka.server.common.CheckpointFile).
 */
import { type FileSystem, isMissing } from "../fs/index.ts";
import { replaceFile } from "./atomic-file.ts";

const VERSION = "0";
const FILE_BYTES_MAX = 64 * 1_048_576;

/** Writes the entries, durably and atomically. */
export async function writeCheckpoint(
  fs: FileSystem,
  folder: string,
  name: string,
  rows: readonly (readonly (string | number)[])[],
): Promise<void> {
  const lines = [VERSION, String(rows.length), ...rows.map((fields) => fields.join(" "))];
  await replaceFile(fs, folder, name, `${lines.join("\n")}\n`);
}

/** The entries, or undefined if the file is missing; "damaged" if it is not as it was written. */
export async function readCheckpoint(
  fs: FileSystem,
  folder: string,
  name: string,
  fieldCount: number,
): Promise<string[][] | undefined | "damaged"> {
  let text: string;
  try {
    text = (await fs.readFile(`${folder}/${name}`, FILE_BYTES_MAX)).toString("utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const lines = text.split("\n");
  const rows = lines.slice(2, -1).map((line) => line.split(" "));
  const whole =
    lines[0] === VERSION &&
    lines[1] === String(rows.length) &&
    lines.at(-1) === "" &&
    rows.every((fields) => fields.length === fieldCount);
  return whole ? rows : "damaged";
}

/** A non-negative whole number, or undefined for any other text. */
export function parseCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
