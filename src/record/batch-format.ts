/**
 * The places and bits of a record batch v2, after Apache Kafka's documentation ("Record Batch", magic 2):
 *
 *      0 base offset       int64   stamped by the leader       } outside the CRC
 *      8 batch length      int32   bytes after this field      }
 *     12 leader epoch      int32   stamped by the leader       }
 *     16 magic             int8    2                           }
 *     17 CRC-32C           uint32  of all that follows
 *     21 attributes        int16   codec, timestamp type, transactional, control, delete horizon
 *     23 last offset delta int32
 *     27 base timestamp    int64
 *     35 max timestamp     int64
 *     43 producer id       int64   −1: none
 *     51 producer epoch    int16   −1: none
 *     53 base sequence     int32   −1: none
 *     57 record count      int32
 *     61 records, together compressed if the codec says so
 *
 * FORMAT.md draws the records too, with an example.
 */

/** Bytes before the first record. */
export const BATCH_HEADER_BYTES = 61;
/** The format's version, the only one there is here. */
export const MAGIC = 2;

/** Positions of the header's fields in a batch. */
export const BASE_OFFSET_AT = 0;
export const BATCH_LENGTH_AT = 8;
export const LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const RECORD_COUNT_AT = 57;

/** Bytes of a batch that its length field does not count: base offset and the field itself. */
export const LENGTH_OVERHEAD_BYTES = 12;

/** Bits of the attributes. Bit 6 marks a compacted batch whose base timestamp is a delete horizon. */
export const CODEC_MASK = 0x07;
export const APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;
export const DELETE_HORIZON_BIT = 0x40;

/** Codecs by their number in the attributes. */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** How the records of a batch are compressed. */
export type Compression = (typeof COMPRESSIONS)[number];

/** Whose clock the timestamps are of: the producer's ("create") or the broker's ("append"). */
export type TimestampType = "create" | "append";
