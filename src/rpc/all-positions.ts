/** Where reads of all streams of a topic begin. */
import { PARTITIONS_PER_TOPIC_MAX, type SerialQueue } from "../base/index.ts";
import type { BrokerApi, PartitionDescription } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { millrace } from "../gen/millrace.js";
import { counted, invalid, offsetNumber, partitionNumber, topicName } from "./request-checks.ts";

/** A partition, where to begin, and what is readable when the read begins. */
export interface AllPosition {
  readonly partition: number;
  readonly offset: number;
  /** Exclusive. */
  readonly highWatermark: number;
}

type Request = Pick<millrace.v1.ReadAllRequest, "topic" | "from" | "offsets" | "timestampMs">;

/** What finding positions stands on. */
export interface PositionsEnvironment {
  readonly broker: BrokerApi;
  /** Searches by timestamp of all calls, each of which may have to decompress a batch, run one at a time. */
  readonly searches: SerialQueue;
}

/**
 * The positions that a request names, by partition. Throws INVALID_REQUEST, TOPIC_NOT_FOUND, PARTITION_NOT_FOUND,
 * OFFSET_OUT_OF_RANGE.
 */
export async function allPositions(
  { broker, searches }: PositionsEnvironment,
  request: Request,
): Promise<AllPosition[]> {
  const topic = topicName(request.topic);
  const { partitions, configs } = broker.describeTopic(topic);
  const isIndexed = configs.some(({ name, value }) => name === "stream.index" && value === "true");
  if (!isIndexed) throw invalid("topic", topic, "a topic with stream.index=true");
  if (request.from === "offsets") return givenPositions(topic, partitions, request.offsets?.offsets ?? []);
  if (request.from !== "timestampMs") {
    return partitions.map(({ partition, logStartOffset: offset, highWatermark }) => ({
      partition,
      offset,
      highWatermark,
    }));
  }
  const timestampMs = offsetNumber(request.timestampMs ?? 0, "timestamp_ms");
  const positions: AllPosition[] = [];
  for (const { partition, highWatermark } of partitions) {
    const { offset = highWatermark } = await searches.run(() =>
      broker.findOffset(topic, partition, { timestampMs }),
    );
    positions.push({ partition, offset, highWatermark: Math.max(highWatermark, offset) });
  }
  return positions;
}

function givenPositions(
  topic: string,
  partitions: readonly PartitionDescription[],
  offsets: readonly millrace.v1.PartitionOffset.$Properties[],
): AllPosition[] {
  const positions = new Map<number, AllPosition>();
  counted(offsets, PARTITIONS_PER_TOPIC_MAX, "offsets");
  for (const [index, given] of offsets.entries()) {
    const partition = partitionNumber(given.partition ?? 0, `offsets[${index}].partition`);
    const offset = offsetNumber(given.offset ?? 0, `offsets[${index}].offset`);
    const found = partitions[partition];
    if (found === undefined) throw noPartition(topic, partition, partitions.length);
    if (positions.has(partition))
      throw invalid("offsets", `partition ${partition} twice`, "each partition once");
    const { logStartOffset, highWatermark } = found;
    if (offset < logStartOffset || offset > highWatermark) throw outOfRange(topic, found, offset);
    positions.set(partition, { partition, offset, highWatermark });
  }
  return [...positions.values()].sort((one, other) => one.partition - other.partition);
}

function noPartition(topic: string, partition: number, count: number): MillraceError {
  const text = `topic ${topic} has no partition ${partition}; it has 0 to ${count - 1}`;
  return new MillraceError("PARTITION_NOT_FOUND", text, { details: { topic, partition, partitions: count } });
}

function outOfRange(topic: string, found: PartitionDescription, offset: number): MillraceError {
  const { partition, logStartOffset, highWatermark } = found;
  return new MillraceError(
    "OFFSET_OUT_OF_RANGE",
    `offset ${offset} of partition ${topic}-${partition} is outside the log, which holds ${logStartOffset} to ${highWatermark} (exclusive); begin at the start, the end or an offset between`,
    { details: { offset, log_start_offset: logStartOffset, high_watermark: highWatermark } },
  );
}
