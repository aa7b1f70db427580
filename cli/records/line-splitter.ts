/**
 * Cuts chunks of bytes into lines, whatever the chunks' borders. Lines are views: of a chunk, or of what was carried
 * over from the one before, and hold until the next `push`.
 */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  /** Up to here the buffer is known to hold no line end. */
  #searched = 0;
  #lines = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Lines handed out so far: after `next`, the number of that line. */
  get lineNumber(): number {
    return this.#lines;
  }

  /** Takes the next chunk; all lines of the one before must have been taken. The chunk may be reused afterwards only
   * if it is not pushed again before its lines were taken. */
  push(chunk: Buffer): void {
    const rest = this.#buffer.subarray(this.#position);
    this.#buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#searched = rest.length;
    this.#position = 0;
  }

  /** The next whole line without its end ("\n" or "\r\n"), or undefined if another chunk is needed. */
  next(): Buffer | undefined {
    const end = this.#buffer.indexOf(0x0a, Math.max(this.#position, this.#searched));
    if (end < 0) {
      this.#requireShort(this.#buffer.length);
      this.#carry();
      return undefined;
    }
    this.#requireShort(end);
    const line = this.#buffer.subarray(this.#position, withoutReturn(this.#buffer, this.#position, end));
    this.#position = end + 1;
    this.#lines++;
    return line;
  }

  /** The last line, if the input does not end with a line end; to be called once, at the end. */
  rest(): Buffer | undefined {
    if (this.#position === this.#buffer.length) return undefined;
    const line = this.#buffer.subarray(this.#position);
    this.#position = this.#buffer.length;
    this.#lines++;
    return line;
  }

  /** Keeps the beginning of a line in memory of its own, so that the chunk's may be reused. */
  #carry(): void {
    this.#buffer = Buffer.from(this.#buffer.subarray(this.#position));
    this.#position = 0;
    this.#searched = this.#buffer.length;
  }

  #requireShort(end: number): void {
    if (end - this.#position > this.#lineBytesMax)
      throw new LineTooLongError(this.#lines + 1, this.#lineBytesMax);
  }
}

/** A line that no record can hold. */
export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";

  constructor(lineNumber: number, lineBytesMax: number) {
    super(`line ${lineNumber} is longer than ${lineBytesMax} bytes, the most a record may have; split it`);
  }
}

function withoutReturn(buffer: Buffer, start: number, end: number): number {
  return end > start && buffer[end - 1] === 0x0d ? end - 1 : end;
}
