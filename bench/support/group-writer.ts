import { type FileHandle, open } from "node:fs/promises";

/** The plainest group commit: whatever waits is written with one writev, synced if asked for, and acknowledged. */
export class GroupWriter {
  readonly #file: FileHandle;
  readonly #isDurable: boolean;
  readonly #onError: (error: unknown) => void;
  #pending: { readonly bytes: Buffer; readonly acknowledge: () => void }[] = [];
  #position = 0;
  #running: Promise<void> | undefined;

  private constructor(file: FileHandle, isDurable: boolean, onError: (error: unknown) => void) {
    this.#file = file;
    this.#isDurable = isDurable;
    this.#onError = onError;
  }

  /** Begins a fresh file. */
  static async create(
    path: string,
    isDurable: boolean,
    onError: (error: unknown) => void,
  ): Promise<GroupWriter> {
    return new GroupWriter(await open(path, "w"), isDurable, onError);
  }

  append(bytes: Buffer, acknowledge: () => void): void {
    this.#pending.push({ bytes, acknowledge });
    this.#running ??= this.#run()
      .catch(this.#onError)
      .finally(() => {
        this.#running = undefined;
      });
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#file.close();
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#pending;
      this.#pending = [];
      const buffers = group.map(({ bytes }) => bytes);
      const { bytesWritten } = await this.#file.writev(buffers, this.#position);
      this.#position += bytesWritten;
      if (this.#isDurable) await this.#file.datasync();
      for (const { acknowledge } of group) acknowledge();
    }
  }
}
