/** A cluster with a topic "orders" of streams in three partitions for each test, and what is done with it. */
import { afterEach, beforeEach } from "vitest";
import type { Client, NewEvent, StreamEvent, Streams } from "../../src/client/index.ts";
import type { AppendedEvents, AppendEventsCommand, RevisionConflict } from "../../src/stream/index.ts";
import { TestCluster } from "./test-cluster.ts";

export let cluster: TestCluster;
export let client: Client;
export let orders: Streams;

beforeEach(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  await client
    .admin()
    .createTopic({ name: "orders", partitionCount: 3, configs: { "stream.index": "true" } });
  orders = client.streams("orders");
});

afterEach(() => cluster.close());

/** Events "from" to "to" − 1, with their numbers as values. */
export function numbered(from: number, to: number): NewEvent[] {
  return Array.from({ length: to - from }, (_, index) => ({ type: "Counted", value: `${from + index}` }));
}

/** All there is, as text: "3:Counted=value", a snapshot as "3*State=value". */
export async function told(events: AsyncIterable<StreamEvent>): Promise<string[]> {
  const all: string[] = [];
  for await (const event of events) all.push(tell(event));
  return all;
}

export function tell({ revision, isSnapshot, type, value }: StreamEvent): string {
  return `${revision ?? "-"}${isSnapshot ? "*" : ":"}${type}=${value}`;
}

type Outcome = AppendedEvents | RevisionConflict;

/** Stands between the network and the broker's streams: each append of events goes through `pass`, by its number. */
export function interceptAppends(
  pass: (append: () => Promise<Outcome>, index: number, command: AppendEventsCommand) => Promise<Outcome>,
): void {
  const { streams } = cluster.broker;
  const append = streams.append.bind(streams);
  let appends = 0;
  streams.append = (command) => pass(() => append(command), appends++, command);
}
