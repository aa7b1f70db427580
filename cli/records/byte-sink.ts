import type { OutputStream } from "../output/output-stream.ts";

const BUFFER_BYTES = 65_536;

/** Gathers small pieces of output, so that a record costs no system call. */
export class ByteSink {
  readonly #stream: OutputStream;
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;
  /** Bytes taken. */
  bytes = 0;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  /** Takes bytes as they are. */
  writeBytes(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (bytes.length > BUFFER_BYTES - this.#used) this.flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#stream.write(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Takes text, as UTF-8. */
  writeText(text: string): void {
    // Three bytes are the most that UTF-8 needs for a UTF-16 unit.
    if (text.length * 3 > BUFFER_BYTES - this.#used) {
      this.writeBytes(Buffer.from(text, "utf8"));
      return;
    }
    const written = this.#buffer.write(text, this.#used, "utf8");
    this.#used += written;
    this.bytes += written;
  }

  /** Hands over what was gathered. */
  flush(): void {
    if (this.#used === 0) return;
    this.#stream.write(this.#buffer.subarray(0, this.#used));
    this.#buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    this.#used = 0;
  }
}
