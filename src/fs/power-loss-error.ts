import { FileSystemError } from "./file-system.ts";

/** The machine has no power: what FaultyFileSystem throws from a "lose-power" on. */
export class PowerLossError extends FileSystemError {
  constructor(operation: string, path: string) {
    super("EPOWERLOSS", operation, path);
  }
}
