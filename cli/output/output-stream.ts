import type { Writable } from "node:stream";
import { FileSystemError } from "../../src/fs/index.ts";

/** What a terminal tells of its size. */
interface TerminalSize {
  readonly columns?: number;
  readonly rows?: number;
}

/**
 * stdout or stderr. A reader that goes away (`| head`) is no failure: what is written afterwards is dropped, and
 * whoever produces it can hear of it and stop. Where writing fails for another reason it is the same, and `failure`
 * tells it: throwing out of an event would end the process before it could clean up.
 */
export class OutputStream {
  readonly isTerminal: boolean;
  readonly #name: string;
  readonly #stream: Writable & TerminalSize;
  #hasColors: boolean;
  #isClosed = false;
  #failure: FileSystemError | undefined;
  readonly #closeListeners = new Set<() => void>();

  constructor(
    stream: Writable & TerminalSize & { readonly isTTY?: boolean },
    env: Readonly<Record<string, string | undefined>>,
    name: string,
  ) {
    this.#name = name;
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    // no-color.org: any value but the empty one.
    this.#hasColors = this.isTerminal && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
    stream.on("error", (error: NodeJS.ErrnoException) => this.#onError(error));
  }

  /** Whether to write colours. */
  get hasColors(): boolean {
    return this.#hasColors;
  }

  /** Writes no colours from now on. */
  disableColors(): void {
    this.#hasColors = false;
  }

  /** Height of the terminal; 24 if unknown. */
  get rows(): number {
    return this.#stream.rows || 24;
  }

  /** Width of the terminal; 80 if unknown. */
  get columns(): number {
    return this.#stream.columns || 80;
  }

  /** Nothing can be written any more: the reader has gone away, or writing failed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Why writing failed; undefined if it did not, or only because the reader has gone away. */
  get failure(): FileSystemError | undefined {
    return this.#failure;
  }

  /** Calls back when nothing can be written any more, until the returned function is called. */
  onClosed(listener: () => void): () => void {
    this.#closeListeners.add(listener);
    return () => this.#closeListeners.delete(listener);
  }

  /** Takes the data, which must not change afterwards. False: await `ready` before the next. */
  write(data: string | Uint8Array): boolean {
    return this.#isClosed || this.#stream.write(data);
  }

  /** Resolves when there is room, or when nothing can be written any more. */
  async ready(): Promise<void> {
    if (this.#isClosed || !this.#stream.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const stopListening = this.onClosed(resolve);
      this.#stream.once("drain", () => {
        stopListening();
        resolve();
      });
    });
  }

  /** Resolves when everything written has left the process, or nothing can be written any more. */
  async flush(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const stopListening = this.onClosed(resolve);
      this.#stream.write("", (error) => {
        if (error) this.#onError(error);
        stopListening();
        resolve();
      });
    });
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED")
      this.#failure = new FileSystemError(error.code ?? "UNKNOWN", "write to", this.#name, error);
    for (const listener of [...this.#closeListeners]) listener();
  }
}
