import { fileURLToPath } from "node:url";
import { NodeFileSystem } from "../fs/index.ts";

/** Far above what the schema may become. */
const BYTES_MAX = 4 * 1_048_576;

/** The schema as `buf build` wrote it beside the generated code. */
export function readDescriptorSet(): Promise<Buffer> {
  const path = fileURLToPath(new URL("../gen/millrace.binpb", import.meta.url));
  return new NodeFileSystem().readFile(path, BYTES_MAX);
}
