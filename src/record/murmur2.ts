/**
 * The hash of Kafka's default partitioner: Austin Appleby's MurmurHash2 with the seed of
 * `org.apache.kafka.common.utils.Utils.murmur2`.
 */

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const ROTATION = 24;

/** Murmur2 of the bytes as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const wholeWordsEnd = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < wholeWordsEnd; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> ROTATION;
    word = Math.imul(word, MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  const rest = length - wholeWordsEnd;
  if (rest === 3) hash ^= bytes[wholeWordsEnd + 2]! << 16;
  if (rest >= 2) hash ^= bytes[wholeWordsEnd + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[wholeWordsEnd]!, MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/**
 * The partition, 0 to `partitionCount` − 1, where Kafka's default partitioner puts a key. Throws TypeError unless
 * the count is a positive integer.
 */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  if (!Number.isInteger(partitionCount) || partitionCount < 1) {
    throw new TypeError(`partition count is ${partitionCount}: a positive integer is needed`);
  }
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
