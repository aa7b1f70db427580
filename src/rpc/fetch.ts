/** LogService.Fetch: reads several partitions at once and waits for data up to a bound (long poll). */
import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import type { BrokerApi, FetchedPart, FetchPosition } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";
import {
  encodeFetchResponse,
  encodeStatus,
  type FetchedPartitionToSend,
  type GatherMessage,
} from "../wire/index.ts";
import type { UnaryHandler } from "./calls.ts";
import {
  counted,
  invalid,
  offsetNumber,
  partitionNumber,
  topicName,
  withDefault,
  within,
} from "./request-checks.ts";
import { STRUCTURED_BYTES_MAX, StructuredRecords } from "./structured-records.ts";

const { RecordFormat } = millrace.v1;
/** Most positions of one fetch. */
const POSITIONS_MAX = 256;
/** Longest wait. */
const WAIT_MS_MAX = 30_000;
/** Default and maximum of FetchRequest.max_bytes. */
const ANSWER_BYTES_MAX = 2_097_152;
/**
 * Bytes of decompressed records after which the other positions of a fetch are left to the next: far more than an
 * answer can carry, unless batches are decompressed for a few records at their end.
 */
const UNFOLDED_BYTES_MAX = 8 * 1_048_576;
/** Number of FetchedPartition.records. */
const RECORDS_FIELD = 7;
const NOTHING = Buffer.alloc(0);

/** In which form records are delivered. */
export type RecordForm = "records" | "batches";

/** The handler of Fetch. */
export function fetchHandler(broker: BrokerApi): UnaryHandler<millrace.v1.FetchRequest, GatherMessage> {
  return async (request, context) => {
    const positions = counted(request.positions, POSITIONS_MAX, "positions").map(checkPosition);
    const form = recordForm(request.format);
    const maxWaitMs = within(request.maxWaitMs, 0, WAIT_MS_MAX, "max_wait_ms");
    const parts = await broker.fetch(positions, {
      minBytes: withDefault(request.minBytes, 1, READ_CHUNK_BYTES_MAX, "min_bytes"),
      maxWaitMs,
      maxBytes: withDefault(request.maxBytes, ANSWER_BYTES_MAX, ANSWER_BYTES_MAX, "max_bytes"),
      room: context.room,
      ...(maxWaitMs > 0 ? { signal: context.signal() } : {}),
    });
    const found = form === "batches" ? asBatches(positions, parts) : asRecords(positions, parts);
    const response = encodeFetchResponse(found);
    context.sending(response.byteLength, "ask for fewer bytes");
    return response;
  };
}

/** The form asked for; absent means structured records. */
export function recordForm(format: number): RecordForm {
  if (format === RecordFormat.RECORD_FORMAT_BATCHES) return "batches";
  if (format === RecordFormat.RECORD_FORMAT_RECORDS || format === RecordFormat.RECORD_FORMAT_UNSPECIFIED) {
    return "records";
  }
  throw invalid("format", format, "RECORD_FORMAT_RECORDS (1), RECORD_FORMAT_BATCHES (2) or absent");
}

function checkPosition(position: millrace.v1.FetchPosition.$Properties, index: number): FetchPosition {
  const field = `positions[${index}]`;
  return {
    topic: topicName(position.topic ?? "", `${field}.topic`),
    partition: partitionNumber(position.partition ?? 0, `${field}.partition`),
    offset: offsetNumber(position.offset ?? 0, `${field}.offset`),
    maxBytes: withDefault(
      position.maxBytes ?? 0,
      READ_CHUNK_BYTES_MAX,
      READ_CHUNK_BYTES_MAX,
      `${field}.max_bytes`,
    ),
  };
}

function asBatches(positions: readonly FetchPosition[], parts: readonly FetchedPart[]) {
  return parts.map((part, index): FetchedPartitionToSend => {
    const { topic, partition } = positions[index]!;
    if (part instanceof MillraceError) return { topic, partition, error: encodeStatus(part) };
    const { logStartOffset, highWatermark, nextOffset, chunks } = part;
    const content = { form: "batches", chunks } as const;
    return { topic, partition, logStartOffset, highWatermark, nextOffset, content };
  });
}

/**
 * Records take more room than batches, and compressed ones more time: once an answer is full, or enough was
 * decompressed for it, the other positions are left to the next fetch, and nothing of them is looked at.
 */
function asRecords(positions: readonly FetchPosition[], parts: readonly FetchedPart[]) {
  let room = STRUCTURED_BYTES_MAX;
  let unfoldedBytes = 0;
  let isFull = false;
  return parts.map((part, index): FetchedPartitionToSend => {
    const { topic, partition, offset } = positions[index]!;
    if (part instanceof MillraceError) return { topic, partition, error: encodeStatus(part) };
    const { logStartOffset, highWatermark } = part;
    if (isFull || unfoldedBytes >= UNFOLDED_BYTES_MAX) {
      const content = { form: "records", fields: NOTHING } as const;
      return { topic, partition, logStartOffset, highWatermark, nextOffset: offset, content };
    }
    const records = new StructuredRecords(part, offset, RECORDS_FIELD);
    try {
      const { fields, nextOffset, last } = records.take(room);
      room -= fields.length;
      isFull = !last;
      const content = { form: "records", fields } as const;
      return { topic, partition, logStartOffset, highWatermark, nextOffset, content };
    } catch (thrown) {
      return { topic, partition, error: encodeStatus(MillraceError.from(thrown)) };
    } finally {
      unfoldedBytes += records.unfoldedBytes;
    }
  });
}
