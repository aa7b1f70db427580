import type { IndexRow } from "./index-store.ts";

/** Most rows of a bucket; a fuller one is halved. */
const BUCKET_ROWS_MAX = 256;

/** An ordered map of bytes in memory: sorted buckets, found by their first keys. */
export class SortedMap {
  /** Never empty but for the only one; in order. */
  #buckets: IndexRow[][] = [[]];

  get(key: Buffer): Buffer | undefined {
    const bucket = this.#buckets[this.#bucketOf(key)]!;
    const row = bucket[lowerBound(bucket, key)];
    return row?.[0].equals(key) ? row[1] : undefined;
  }

  set(key: Buffer, value: Buffer): void {
    const number = this.#bucketOf(key);
    const bucket = this.#buckets[number]!;
    const at = lowerBound(bucket, key);
    const isThere = bucket[at]?.[0].equals(key) === true;
    bucket.splice(at, isThere ? 1 : 0, [key, value]);
    if (bucket.length <= BUCKET_ROWS_MAX) return;
    this.#buckets.splice(number + 1, 0, bucket.splice(BUCKET_ROWS_MAX / 2));
  }

  delete(key: Buffer): void {
    const number = this.#bucketOf(key);
    const bucket = this.#buckets[number]!;
    const at = lowerBound(bucket, key);
    if (bucket[at]?.[0].equals(key) !== true) return;
    bucket.splice(at, 1);
    if (bucket.length === 0 && this.#buckets.length > 1) this.#buckets.splice(number, 1);
  }

  /** The rows from `from` (inclusive) to `to` (exclusive), upwards. */
  *upwards(from: Buffer, to: Buffer): Generator<IndexRow, void> {
    for (let number = this.#bucketOf(from); number < this.#buckets.length; number++) {
      const bucket = this.#buckets[number]!;
      for (let at = lowerBound(bucket, from); at < bucket.length; at++) {
        if (bucket[at]![0].compare(to) >= 0) return;
        yield bucket[at]!;
      }
    }
  }

  /** The same rows, downwards. */
  *downwards(from: Buffer, to: Buffer): Generator<IndexRow, void> {
    for (let number = this.#bucketOf(to); number >= 0; number--) {
      const bucket = this.#buckets[number]!;
      for (let at = lowerBound(bucket, to) - 1; at >= 0; at--) {
        if (bucket[at]![0].compare(from) < 0) return;
        yield bucket[at]!;
      }
    }
  }

  /** The bucket that has the key, or would. */
  #bucketOf(key: Buffer): number {
    let low = 0;
    let high = this.#buckets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#buckets[middle]![0];
      if (first !== undefined && first[0].compare(key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** The place of the first row that does not come before the key. */
function lowerBound(bucket: readonly IndexRow[], key: Buffer): number {
  let low = 0;
  let high = bucket.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bucket[middle]![0].compare(key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
