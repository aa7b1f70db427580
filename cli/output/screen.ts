import type { OutputStream } from "./output-stream.ts";

/** Home; wrap no long lines while painting, as they would push others off. */
const BEGIN = "\x1b[H\x1b[?7l";
const CLEAR = "\x1b[2J";
const REST_OF_LINE = "\x1b[K";
const REST_OF_SCREEN = "\x1b[J";
const WRAP_AGAIN = "\x1b[?7h";

/** A text that is painted over itself on a terminal (ECMA-48), without a flicker: nothing is erased before it. */
export class Screen {
  readonly #stream: OutputStream;
  #isCleared = false;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  /** Shows the text in place of the last one, as far as the terminal is high. It ends with a line end. */
  paint(text: string): void {
    const lines = text.trimEnd().split("\n");
    const room = this.#stream.rows - 1; // the cursor stands below
    const shown = lines.length <= room ? lines : lines.slice(0, Math.max(0, room - 1));
    const hidden = lines.length - shown.length;
    if (hidden > 0) shown.push(`… ${hidden} more lines: make the window higher, or leave out --watch`);
    const body = shown.map((line) => `${line}${REST_OF_LINE}\n`).join("");
    this.#stream.write(`${this.#isCleared ? "" : CLEAR}${BEGIN}${body}${REST_OF_SCREEN}${WRAP_AGAIN}`);
    this.#isCleared = true;
  }
}
