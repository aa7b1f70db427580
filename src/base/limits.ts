/**
 * Bounds that hold everywhere, with their relations asserted below. What an operator may change is a config and
 * lives in the room that reads it; these are the walls.
 */
import { assert } from "./assert.ts";

/** Offsets and ids are JavaScript numbers: whole and exact up to here. */
export const OFFSET_MAX = Number.MAX_SAFE_INTEGER;
/** Kafka's default of `max.message.bytes`: 1 MiB and room for a batch header. */
export const BATCH_BYTES_DEFAULT = 1_048_588;
/** Largest `max.message.bytes` a topic may ask for; one batch must fit one gRPC message. */
export const BATCH_BYTES_MAX = 3 * 1_048_576;
/** Most bytes a compressed batch may unfold to when the broker checks it. */
export const DECOMPRESSED_BYTES_MAX = 32 * 1_048_576;
/** Bytes that any compressed batch may unfold to: what a producer may put into one uncompressed, with room. */
export const DECOMPRESSED_BYTES_FREE = 4 * 1_048_576;
/** Beyond those, how often its compressed size a producer's batch may unfold to. */
export const DECOMPRESSED_RATIO_MAX = 64;
/** Most bytes read from a log at once. */
export const READ_CHUNK_BYTES_MAX = 1_048_576;
/** Largest gRPC message that a broker or client accepts. */
export const RPC_MESSAGE_BYTES_MAX = 4 * 1_048_576;
/** Longest topic name, so that `<topic>-<partition>` fits a file name. */
export const TOPIC_NAME_BYTES_MAX = 249;
/** Most partitions of one topic; how many a broker holds in all is its own setting. */
export const PARTITIONS_PER_TOPIC_MAX = 10_000;
/** Most headers of one record: each becomes an object where a record is read whole. */
export const HEADERS_PER_RECORD_MAX = 1_000;
/** Longest header name of a record. */
export const HEADER_KEY_BYTES_MAX = 32_767;
/** Longest id of a member of a group; besides, it is as a topic name. */
export const MEMBER_ID_CHARACTERS_MAX = 64;
/** Longest client id of a member. */
export const CLIENT_ID_CHARACTERS_MAX = 249;
/** Longest pattern of topic names. */
export const TOPIC_PATTERN_CHARACTERS_MAX = 249;
/** Most topics that a member may name. */
export const SUBSCRIBED_TOPICS_MAX = 1_000;
/** Shortest and longest session and rebalance timeout of a member, milliseconds. */
export const MEMBER_TIMEOUT_MS_MIN = 1_000;
export const MEMBER_TIMEOUT_MS_MAX = 3_600_000;
/** Session timeout of a member that names none, milliseconds. */
export const SESSION_TIMEOUT_MS_DEFAULT = 45_000;
/** Rebalance timeout of a member that names none, milliseconds. */
export const REBALANCE_TIMEOUT_MS_DEFAULT = 300_000;
/** Most offsets of one commit, and most partitions in one request for committed offsets. */
export const COMMITTED_OFFSETS_MAX = 10_000;
/** Longest metadata of a committed offset, in UTF-8. */
export const OFFSET_METADATA_BYTES_MAX = 4_096;

assert(BATCH_BYTES_DEFAULT <= BATCH_BYTES_MAX, "the default batch limit lies within its range");
assert(
  BATCH_BYTES_MAX < RPC_MESSAGE_BYTES_MAX - 65_536,
  "the largest batch fits one message with its envelope",
);
assert(BATCH_BYTES_MAX <= DECOMPRESSED_BYTES_FREE, "what may be sent uncompressed may be sent compressed");
assert(READ_CHUNK_BYTES_MAX < RPC_MESSAGE_BYTES_MAX, "a chunk fits one message");
assert(
  `${"t".repeat(TOPIC_NAME_BYTES_MAX)}-9999`.length <= 255,
  "a partition folder's name fits a file name",
);
