/** The options of a producer, checked and filled in. */
import { BATCH_BYTES_MAX } from "../../base/index.ts";
import { type Compression, requireCompression } from "../../record/index.ts";
import type { Durability, FailedRecords, Partitioner, ProducerOptions } from "../api/producer.ts";
import type { MillraceError } from "../../errors/index.ts";
import { type KnownNames, oneOf, requireFunction, requireKnown, wholeNumber } from "../option-checks.ts";

/** What a producer goes by. */
export interface ProducerSettings {
  readonly partitioner: "default" | Partitioner;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly compression: Compression;
  readonly bufferBytes: number;
  readonly maxBlockMs: number;
  readonly deliveryTimeoutMs: number;
  readonly durability: Durability | undefined;
  readonly isIdempotent: boolean;
  readonly maxInFlightBatches: number;
  readonly onError: ((failed: FailedRecords) => void) | undefined;
  readonly onRetry: ((error: MillraceError) => void) | undefined;
}

/** Large enough that the cost of a call is spread thin, small enough that several are under way within a few megabytes. */
const BATCH_BYTES_DEFAULT = 262_144;
const BATCH_BYTES_MIN = 1_024;
const BUFFER_BYTES_DEFAULT = 33_554_432;
const BUFFER_BYTES_MAX = 4 * 1_073_741_824;
const TIME_MS_MAX = 3_600_000;
/** The broker remembers this many batches of a producer and partition, and knows a repeated one among them. */
const IN_FLIGHT_DEFAULT = 32;
const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const satisfies readonly Compression[];

const DURABILITIES = ["written", "durable"] as const satisfies readonly Durability[];

const KNOWN: KnownNames<ProducerOptions> = {
  partitioner: true,
  lingerMs: true,
  batchBytes: true,
  compression: true,
  bufferBytes: true,
  maxBlockMs: true,
  deliveryTimeoutMs: true,
  durability: true,
  idempotent: true,
  maxInFlightBatches: true,
  onError: true,
  onRetry: true,
};

/** Checks the options. Throws TypeError for one outside its range or unknown, UNSUPPORTED_COMPRESSION for a codec that is not here. */
export function producerSettings(options: ProducerOptions): ProducerSettings {
  requireKnown("a producer", options, KNOWN);
  const isIdempotent = options.idempotent ?? true;
  const batchBytes = wholeNumber("batchBytes", options.batchBytes, {
    preset: BATCH_BYTES_DEFAULT,
    min: BATCH_BYTES_MIN,
    max: BATCH_BYTES_MAX,
  });
  const partitioner = options.partitioner ?? "default";
  if (partitioner !== "default") requireFunction("partitioner", partitioner);
  requireFunction("onError", options.onError);
  requireFunction("onRetry", options.onRetry);
  const compression = oneOf("compression", options.compression ?? "none", COMPRESSIONS);
  requireCompression(compression);
  return {
    partitioner,
    lingerMs: wholeNumber("lingerMs", options.lingerMs, { preset: 0, min: 0, max: 60_000 }),
    batchBytes,
    compression,
    bufferBytes: wholeNumber("bufferBytes", options.bufferBytes, {
      preset: Math.max(BUFFER_BYTES_DEFAULT, 2 * batchBytes),
      min: 2 * batchBytes,
      max: BUFFER_BYTES_MAX,
    }),
    maxBlockMs: wholeNumber("maxBlockMs", options.maxBlockMs, { preset: 60_000, min: 0, max: TIME_MS_MAX }),
    deliveryTimeoutMs: wholeNumber("deliveryTimeoutMs", options.deliveryTimeoutMs, {
      preset: 120_000,
      min: 1,
      max: TIME_MS_MAX,
    }),
    durability: options.durability && oneOf("durability", options.durability, DURABILITIES),
    isIdempotent,
    // Without sequences a later batch could be appended while an earlier one is refused and sent again.
    maxInFlightBatches: wholeNumber("maxInFlightBatches", options.maxInFlightBatches, {
      preset: isIdempotent ? IN_FLIGHT_DEFAULT : 1,
      min: 1,
      max: isIdempotent ? IN_FLIGHT_DEFAULT : 1,
    }),
    onError: options.onError,
    onRetry: options.onRetry,
  };
}
