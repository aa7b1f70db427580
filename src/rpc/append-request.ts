/** What Produce and Publish have in common: a checked request, ready to append. */
import type { Clock } from "../base/index.ts";
import type { BrokerApi, Durability, Receipt } from "../broker/index.ts";
import { millrace } from "../gen/millrace.js";
import type { ProduceFields } from "../wire/index.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { invalid, partitionNumber, topicName } from "./request-checks.ts";
import { buildBatch } from "./structured-batch.ts";

const { DURABILITY_DURABLE, DURABILITY_UNSPECIFIED, DURABILITY_WRITTEN } = millrace.v1.Durability;

/** What appending stands on. */
export interface AppendEnvironment {
  readonly broker: BrokerApi;
  readonly clock: Clock;
  readonly budget: ByteBudget;
}

/**
 * Checks the request, makes a batch of structured records, and appends it. Throws, before anything is appended, for
 * what the edge can see; the promise fails for what the broker sees. Calls must be in the order of the requests.
 */
export function append(environment: AppendEnvironment, request: ProduceFields): Promise<Receipt> {
  const topic = topicName(request.topic);
  const durability = requestedDurability(request.durability);
  if (request.partition !== undefined) partitionNumber(request.partition);
  if (request.batch !== undefined) {
    if (request.partition === undefined) {
      throw invalid("partition", "absent", "a partition number: a batch does not choose its own");
    }
    return environment.broker.produce(topic, request.partition, request.batch, durability);
  }
  if (request.records === undefined) throw invalid("payload", "absent", "records or a batch");
  const { batch, key } = buildBatch(request.records, environment.clock.nowMs());
  const partition = request.partition ?? choose(environment.broker, topic, key);
  return environment.broker.produce(topic, partition, batch, durability);
}

/** The receipt as a message of the API. */
export function receiptMessage(receipt: Receipt): millrace.v1.Receipt.$Properties {
  const { partition, baseOffset, recordCount, timestampMs, duplicate } = receipt;
  const durability = durabilityNumber(receipt.durability);
  return { partition, baseOffset, recordCount, timestampMs, durability, duplicate };
}

/** The durability as the API numbers it. */
export function durabilityNumber(durability: Durability): millrace.v1.Durability {
  return durability === "durable" ? DURABILITY_DURABLE : DURABILITY_WRITTEN;
}

function choose(broker: BrokerApi, topic: string, key: Uint8Array | undefined | "several"): number {
  if (key === "several") {
    throw invalid("partition", "absent", "a partition number, as the records have different keys");
  }
  return broker.choosePartition(topic, key);
}

/** The durability that a request asks for; undefined leaves it to the topic. */
export function requestedDurability(durability: number): Durability | undefined {
  if (durability === DURABILITY_UNSPECIFIED) return undefined;
  if (durability === DURABILITY_WRITTEN) return "written";
  if (durability === DURABILITY_DURABLE) return "durable";
  throw invalid("durability", durability, "DURABILITY_WRITTEN (1), DURABILITY_DURABLE (2) or absent");
}
