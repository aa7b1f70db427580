/** The stored models: a compacted topic with a record for each partition of the flights, the newest of which holds. */
import type { Client } from "../../src/index.ts";
import type { StoredDelays } from "./delays.ts";

/** Where models are stored, keyed by the number of their partition. */
export const DELAYS_TOPIC = "airport-delays";

/** All that the topic still holds, by partition, in the order in which they were stored. */
export async function readStoredDelays(client: Client): Promise<Map<number, StoredDelays[]>> {
  const stored = new Map<number, StoredDelays[]>();
  const reader = client.reader();
  await reader.assign([{ topic: DELAYS_TOPIC, from: "start" }]);
  for await (const { key, value } of reader.records({ stopAtEnd: true })) {
    const partition = Number(String(key));
    stored.set(partition, [...(stored.get(partition) ?? []), JSON.parse(String(value)) as StoredDelays]);
  }
  await reader.close();
  return stored;
}

/** The model that has got furthest: one stored late by a member that had lost the partition is not. */
export function furthest(stored: readonly StoredDelays[] = []): StoredDelays | undefined {
  return stored.reduce<StoredDelays | undefined>(
    (best, model) => (best === undefined || model.nextOffset > best.nextOffset ? model : best),
    undefined,
  );
}
