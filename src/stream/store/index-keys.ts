/**
 * Keys of the index. All numbers are big-endian, so that their order is that of the bytes.
 *
 *     of the whole      "format"
 *     of a partition    topic id 16 │ partition u32 │ kind u8 │ …
 *                         kind 1  state        how far the log has been taken in
 *                         kind 2  swept        below where nothing trimmed is left
 *                         kind 3  head         stream id 16
 *                         kind 4  events       stream id 16 │ revision of the first u64
 *                         kind 5  idempotency  stream id 16 │ id of the idempotency key 16
 *                         kind 6  offsets      offset of the first u64
 *
 * The id of a stream is the first half of the SHA-256 of its key.
 */
import { hash } from "node:crypto";
import { assert } from "../../base/index.ts";

/** Layout of keys and values; an index of another one is built anew. */
export const INDEX_FORMAT = 1;
/** The key under which the layout is noted. */
export const FORMAT_KEY = Buffer.from("format");
/** Bytes of the id of a stream, and of an idempotency key. */
export const STREAM_ID_BYTES = 16;
/** Bytes of topic id and partition, which all keys of a partition begin with. */
export const PARTITION_PREFIX_BYTES = 20;

const KIND = { state: 1, swept: 2, head: 3, events: 4, idempotency: 5, offsets: 6, end: 7 } as const;
const KIND_AT = PARTITION_PREFIX_BYTES;
const ID_AT = KIND_AT + 1;
const AFTER_ID = ID_AT + STREAM_ID_BYTES;

/** First half of the SHA-256 of a key. */
export function streamIdOf(key: Uint8Array): Buffer {
  return hash("sha256", key, "buffer").subarray(0, STREAM_ID_BYTES);
}

/** Makes the keys of one partition. */
export class IndexKeys {
  readonly #prefix: Buffer;
  readonly state: Buffer;
  readonly swept: Buffer;

  /** `topicId` is 32 hexadecimal digits. */
  constructor(topicId: string, partition: number) {
    assert(/^[0-9a-f]{32}$/.test(topicId), "a topic id has 32 hexadecimal digits");
    this.#prefix = Buffer.alloc(PARTITION_PREFIX_BYTES);
    this.#prefix.write(topicId, "hex");
    this.#prefix.writeUInt32BE(partition, 16);
    this.state = this.#key(KIND.state, 0);
    this.swept = this.#key(KIND.swept, 0);
  }

  /** Before every key of the partition. */
  get first(): Buffer {
    return this.#key(0, 0);
  }

  /** Behind every key of the partition. */
  get end(): Buffer {
    return this.#key(KIND.end, 0);
  }

  head(streamId: Buffer): Buffer {
    return this.#idKey(KIND.head, streamId, 0);
  }

  /** Of a value that begins with this revision. */
  events(streamId: Buffer, revision: number): Buffer {
    return writeNumber(this.#idKey(KIND.events, streamId, 8), AFTER_ID, revision);
  }

  idempotency(streamId: Buffer, keyId: Buffer): Buffer {
    const key = this.#idKey(KIND.idempotency, streamId, STREAM_ID_BYTES);
    keyId.copy(key, AFTER_ID);
    return key;
  }

  /** Of a value that begins with this offset. */
  offsets(offset: number): Buffer {
    return writeNumber(this.#key(KIND.offsets, 8), ID_AT, offset);
  }

  /** The keys of all events, of all streams. */
  get allEvents(): readonly [from: Buffer, to: Buffer] {
    return [this.#key(KIND.events, 0), this.#key(KIND.idempotency, 0)];
  }

  /** The keys of all idempotency keys. */
  get allIdempotency(): readonly [from: Buffer, to: Buffer] {
    return [this.#key(KIND.idempotency, 0), this.#key(KIND.offsets, 0)];
  }

  /** The keys of all offsets. */
  get allOffsets(): readonly [from: Buffer, to: Buffer] {
    return [this.#key(KIND.offsets, 0), this.#key(KIND.end, 0)];
  }

  #key(kind: number, more: number): Buffer {
    const key = Buffer.allocUnsafe(ID_AT + more);
    this.#prefix.copy(key);
    key[KIND_AT] = kind;
    return key;
  }

  #idKey(kind: number, streamId: Buffer, more: number): Buffer {
    const key = this.#key(kind, STREAM_ID_BYTES + more);
    streamId.copy(key, ID_AT);
    return key;
  }
}

/** The revision in the key of events. */
export function revisionOfKey(key: Buffer): number {
  return readNumber(key, AFTER_ID);
}

/** The offset in the key of offsets. */
export function offsetOfKey(key: Buffer): number {
  return readNumber(key, ID_AT);
}

function writeNumber(key: Buffer, at: number, value: number): Buffer {
  key.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  key.writeUInt32BE(value % 2 ** 32, at + 4);
  return key;
}

function readNumber(key: Buffer, at: number): number {
  return key.readUInt32BE(at) * 2 ** 32 + key.readUInt32BE(at + 4);
}
