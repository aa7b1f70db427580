/** Produces the flights, and proves that they are in the log as they were sent. */
import type { Client, RecordReceipt } from "../../src/index.ts";
import { departureMs, type Flight, TOPIC } from "./flights.ts";

/**
 * Produces all flights; when half of them are acknowledged, `interrupt` runs while the rest is under way. Says how long
 * the first half took.
 */
export async function produce(client: Client, flights: readonly Flight[], interrupt: () => Promise<void>) {
  const producer = client.producer({ batchBytes: 16_384 });
  const startedMs = performance.now();
  let halfMs = 0;
  let acknowledged = 0;
  let interrupted: Promise<void> | undefined;
  const receipts = await Promise.all(
    flights.map(async (flight): Promise<RecordReceipt> => {
      const record = { key: flight.origin, value: JSON.stringify(flight), timestampMs: departureMs(flight) };
      const receipt = await producer.send(TOPIC, record);
      acknowledged++;
      if (acknowledged === flights.length / 2) {
        halfMs = performance.now() - startedMs;
        interrupted = interrupt();
      }
      return receipt;
    }),
  );
  await interrupted;
  const { retries } = producer.stats;
  await producer.close();
  return { receipts, retries, halfMs };
}

/** Reads every record back and returns the flights by key, in the order read. */
export async function readBack(
  client: Client,
  receipts: readonly RecordReceipt[],
  flights: readonly Flight[],
) {
  const expected = new Map(
    receipts.map(({ partition, offset }, i) => [`${partition}/${offset}`, flights[i]!]),
  );
  const reader = client.reader();
  await reader.assign([{ topic: TOPIC, from: "start" }]);
  const byOrigin = new Map<string, Flight[]>();
  let records = 0;
  let bytes = 0;
  for await (const record of reader.records({ stopAtEnd: true })) {
    const flight = JSON.parse(String(record.value)) as Flight;
    const sent = expected.get(`${record.partition}/${record.offset}`);
    if (JSON.stringify(sent) !== String(record.value) || String(record.key) !== sent?.origin) {
      throw new Error(
        `partition ${record.partition}, offset ${record.offset} is not what was acknowledged there`,
      );
    }
    byOrigin.set(flight.origin, [...(byOrigin.get(flight.origin) ?? []), flight]);
    records++;
    bytes += record.value?.length ?? 0;
  }
  await reader.close();
  return { byOrigin, records, bytes };
}

/** Every key must show its flights in the order in which they were sent. */
export function checkOrder(
  byOrigin: ReadonlyMap<string, readonly Flight[]>,
  flights: readonly Flight[],
): void {
  for (const origin of new Set(flights.map((flight) => flight.origin))) {
    const expected = flights.filter((flight) => flight.origin === origin);
    if (JSON.stringify(byOrigin.get(origin)) !== JSON.stringify(expected)) {
      throw new Error(`flights from ${origin} differ from the input, or are out of order`);
    }
  }
}

/** Counts what is read from an offset or a time on, and tells where that begins. */
export async function countFrom(client: Client, partition: number, from: number | { timestampMs: number }) {
  const reader = client.reader();
  await reader.assign([{ topic: TOPIC, partition, from }]);
  let count = 0;
  let first: { offset: number; timestampMs: number } | undefined;
  for await (const record of reader.records({ stopAtEnd: true })) {
    first ??= { offset: record.offset, timestampMs: record.timestampMs };
    count++;
  }
  await reader.close();
  return { count, first };
}
