/** Receipts as the broker sends them and as programs get them. */
import { millrace } from "../../gen/millrace.js";
import type { Durability, RecordReceipt } from "../api/producer.ts";
import type { BatchReceipt, OutgoingBatch } from "./outgoing-batch.ts";

const { DURABILITY_DURABLE } = millrace.v1.Durability;

/** The receipt of a batch. Its timestamp differs from the batch's own if the topic stamps the append time. */
export function batchReceipt(batch: OutgoingBatch, receipt: millrace.v1.Receipt.$Properties): BatchReceipt {
  const timestampMs = receipt.timestampMs ?? 0;
  return {
    baseOffset: receipt.baseOffset ?? 0,
    appendTimeMs: timestampMs === batch.maxTimestampMs ? undefined : timestampMs,
    durability: durabilityOf(receipt.durability ?? undefined),
    duplicate: receipt.duplicate ?? false,
  };
}

/** The receipt of the record with this index and timestamp in a batch. */
export function recordReceipt(
  receipt: BatchReceipt,
  record: { readonly partition: number; readonly index: number; readonly timestampMs: number },
): RecordReceipt {
  return {
    partition: record.partition,
    offset: receipt.baseOffset + record.index,
    timestampMs: receipt.appendTimeMs ?? record.timestampMs,
    durability: receipt.durability,
    duplicate: receipt.duplicate,
  };
}

function durabilityOf(durability: millrace.v1.Durability | undefined): Durability {
  return durability === DURABILITY_DURABLE ? "durable" : "written";
}
