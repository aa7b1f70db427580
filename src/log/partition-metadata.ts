/**
 * `partition.metadata`: the id of the topic that owns a partition folder, in Kafka's format
 * (org.apache.kafka.storage.internals.log.PartitionMetadataFile): "version: 0" and "topic_id: " with the UUID in
 * base64url without padding.
 */
import { type FileSystem, isMissing } from "../fs/index.ts";
import { replaceFile } from "./atomic-file.ts";

const FILE_NAME = "partition.metadata";

/** Writes the id (32 hexadecimal digits), durably and atomically. */
export async function writePartitionMetadata(fs: FileSystem, folder: string, topicId: string): Promise<void> {
  const id = Buffer.from(topicId, "hex").toString("base64url");
  await replaceFile(fs, folder, FILE_NAME, `version: 0\ntopic_id: ${id}\n`);
}

/** The topic id, or undefined if the file is missing or unreadable as such. */
export async function readPartitionMetadata(fs: FileSystem, folder: string): Promise<string | undefined> {
  try {
    const text = (await fs.readFile(`${folder}/${FILE_NAME}`, 1_024)).toString("utf8");
    const id = /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?$/.exec(text)?.[1];
    return id === undefined ? undefined : Buffer.from(id, "base64url").toString("hex");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
