/**
 * Text as UTF-8 into a buffer. Keys and small values are mostly short and ASCII: those are written by a loop, which
 * beats a call out of JavaScript; everything else goes through Buffer.
 */

/** Longest text that is looped over: about 1.7 ns a character, where a call costs 25 to 40 ns. */
const LOOP_LENGTH_MAX = 16;

/** Bytes of the text as UTF-8; a lone surrogate counts as U+FFFD, which is what will be written. */
export function utf8Length(text: string): number {
  const length = text.length;
  if (length > LOOP_LENGTH_MAX) return Buffer.byteLength(text);
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  }
  return length;
}

/** Writes text whose `utf8Length` is `byteLength`. There must be room. */
export function writeUtf8(target: Buffer, position: number, text: string, byteLength: number): void {
  const isAscii = byteLength === text.length;
  if (isAscii && byteLength <= LOOP_LENGTH_MAX) {
    for (let index = 0; index < byteLength; index++) target[position + index] = text.charCodeAt(index);
  } else {
    target.write(text, position, byteLength, isAscii ? "latin1" : "utf8"); // latin1 is the same, and faster
  }
}
