import type { FileSystem } from "../../src/fs/index.ts";
import { CliError, ExitCode } from "../cli-error.ts";
import type { Io } from "../io.ts";

/** Bytes read at once from a file. */
const CHUNK_BYTES = 262_144;

/** Where records are read from. */
export interface Input {
  /** Chunks of bytes; each holds only until the next is asked for. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Bytes there are; undefined if nobody knows. */
  readonly bytesTotal: number | undefined;
  /** Ends the chunks early; harmless if they have ended. */
  stop(): void;
}

/** Opens a file, or stdin if there is none or it is "-". */
export async function openInput(io: Pick<Io, "stdin" | "fs">, path: string | undefined): Promise<Input> {
  return path === undefined || path === "-" ? openStdin(io.stdin) : openFile(io.fs, path);
}

function openStdin(stdin: Io["stdin"]): Input {
  let isStopped = false;
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of stdin) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    } catch (error) {
      if (!isStopped) throw error;
    }
  }
  const stop = () => {
    isStopped = true;
    stdin.destroy();
  };
  return { chunks: chunks(), bytesTotal: undefined, stop };
}

async function openFile(fs: FileSystem, path: string): Promise<Input> {
  const bytesTotal = await fs.fileSize(path);
  if (bytesTotal === undefined) {
    throw new CliError(
      ExitCode.notFound,
      `there is no file ${path}; pipes and devices are read with "< ${path}"`,
    );
  }
  let isStopped = false;
  async function* chunks(): AsyncGenerator<Buffer> {
    const file = await fs.open(path, "read");
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let position = 0; !isStopped; ) {
        const read = await file.read(buffer, 0, buffer.length, position);
        if (read === 0) return;
        position += read;
        yield buffer.subarray(0, read);
      }
    } finally {
      await file.close();
    }
  }
  const stop = () => {
    isStopped = true;
  };
  return { chunks: chunks(), bytesTotal, stop };
}
