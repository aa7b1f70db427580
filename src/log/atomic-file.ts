import type { FileSystem } from "../fs/index.ts";
import { writeAll } from "./write-whole.ts";

/**
 * Replaces a small file so that a crash leaves either the old content or the new, durably: temporary file, fsync,
 * rename, fsync of the folder. Throws FileSystemError; the old content is then still there.
 */
export async function replaceFile(
  fs: FileSystem,
  folder: string,
  name: string,
  content: string,
): Promise<void> {
  const temporary = `${folder}/${name}.tmp`;
  await fs.remove(temporary);
  const file = await fs.open(temporary, "create");
  try {
    await writeAll(file, temporary, [Buffer.from(content, "utf8")], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, `${folder}/${name}`);
  await fs.syncDirectory(folder);
}
