/** What every implementation demands of its callers; a breach is a mistake in the program. */

/** Linux's IOV_MAX; libuv would split a longer list into several writes and hide that it is no longer one. */
export const WRITE_BUFFERS_MAX = 1_024;

/** Throws if the target has no room for the bytes to read. */
export function checkRange(target: Uint8Array, targetOffset: number, length: number): void {
  if (targetOffset >= 0 && length >= 0 && targetOffset + length <= target.byteLength) return;
  throw new TypeError(`cannot read ${length} bytes to ${targetOffset} of a buffer of ${target.byteLength}`);
}

/** Throws if there are too many buffers for one write. */
export function checkBuffers(buffers: readonly Uint8Array[]): void {
  if (buffers.length <= WRITE_BUFFERS_MAX) return;
  throw new TypeError(
    `cannot write ${buffers.length} buffers at once; at most ${WRITE_BUFFERS_MAX} are allowed`,
  );
}
