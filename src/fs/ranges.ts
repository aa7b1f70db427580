/** What every implementation demands of its callers; a breach is a mistake in the program. */

/** Linux's IOV_MAX; libuv would split a longer list into several writes and hide that it is no longer one. */
export const WRITE_BUFFERS_MAX = 1_024;

/** Throws if the target has no room for the bytes to read, or the position is none. */
export function checkRead(target: Uint8Array, targetOffset: number, length: number, position: number): void {
  checkPosition(position);
  if (targetOffset >= 0 && length >= 0 && targetOffset + length <= target.byteLength) return;
  throw new TypeError(`cannot read ${length} bytes to ${targetOffset} of a buffer of ${target.byteLength}`);
}

/** Throws if there are too many buffers for one write, or the position is none. */
export function checkWrite(buffers: readonly Uint8Array[], position: number): void {
  checkPosition(position);
  if (buffers.length <= WRITE_BUFFERS_MAX) return;
  throw new TypeError(
    `cannot write ${buffers.length} buffers at once; at most ${WRITE_BUFFERS_MAX} are allowed`,
  );
}

/**
 * Throws unless it is a position in a file, or a size. Node takes -1, NaN or a fraction for "wherever the file
 * stands" and would write there without a word; and it would cut a file to nothing for a negative size.
 */
export function checkPosition(position: number): void {
  if (Number.isSafeInteger(position) && position >= 0) return;
  throw new TypeError(`a position in a file is a whole number of 0 or more, not ${position}`);
}
