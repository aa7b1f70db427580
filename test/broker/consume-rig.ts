/** A consumer of a group over a real broker in memory, with a coordinator that does what the test says. */
import { systemRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import type {
  ConsumeAssigned,
  ConsumeCommand,
  ConsumeGap,
  ConsumptionSink,
} from "../../src/broker/consumption.ts";
import { type ConsumptionParts, GroupConsumption } from "../../src/broker/group-consumption.ts";
import type { Assignment, Delivered, ReadRoom } from "../../src/broker/subscription-api.ts";
import type { MillraceError } from "../../src/errors/index.ts";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import type { AssignedPartition, TopicPartition } from "../../src/group/types.ts";
import type { ReadResult } from "../../src/log/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { batchOf } from "../log/batches.ts";
import { FakeGroups, type FakeMember } from "../support/fake-groups.ts";
import { turn } from "../support/turns.ts";

/** One thing that a consumer was told, in short. */
export type Told =
  | { readonly assigned: ConsumeAssigned }
  | { readonly revoked: readonly TopicPartition[] }
  | { readonly gap: ConsumeGap }
  | {
      readonly delivered: { readonly partition: number; readonly from: number; readonly to: number };
      readonly id: number;
    }
  | { readonly caughtUp: number }
  | { readonly failed: number; readonly reason: string; readonly details: Readonly<Record<string, string>> }
  | { readonly ended: string };

/** Remembers what it is told, in order. */
export class RecordingSink implements ConsumptionSink {
  readonly told: Told[] = [];
  /** What the transport says to the next delivery. */
  ready: Promise<void> = Promise.resolve();
  beforeRead: () => Promise<void> | void = () => {};
  readonly room: ReadRoom = { take: async () => this.beforeRead(), giveBack: () => {} };

  assigned(assigned: ConsumeAssigned): void {
    this.told.push({ assigned });
  }

  revoked(_epoch: number, partitions: readonly TopicPartition[]): void {
    this.told.push({ revoked: partitions });
  }

  gap(gap: ConsumeGap): void {
    this.told.push({ gap });
  }

  deliver({ partition, assignmentId }: Assignment, read: ReadResult): Delivered {
    const { nextOffset, recordCount, bytes, offset } = read;
    this.told.push({ delivered: { partition, from: offset, to: nextOffset }, id: assignmentId });
    return { nextOffset, recordCount, bytes, ready: this.ready };
  }

  async caughtUp({ partition }: Assignment): Promise<void> {
    this.told.push({ caughtUp: partition });
  }

  async failed({ partition }: Assignment, { reason, details }: MillraceError): Promise<void> {
    this.told.push({ failed: partition, reason, details });
  }

  ended({ reason }: MillraceError): void {
    this.told.push({ ended: reason });
  }

  /** What was told since the last call. */
  take(): Told[] {
    return this.told.splice(0);
  }

  /** What was delivered of a partition, as [from, to]. */
  deliveries(partition = 0): [number, number][] {
    return this.told.flatMap((told) =>
      "delivered" in told && told.delivered.partition === partition
        ? [[told.delivered.from, told.delivered.to] as [number, number]]
        : [],
    );
  }
}

/** A broker whose topic "t" has partitions of ten records, each its own batch. */
export async function brokerWithRecords(partitionCount = 1): Promise<Broker> {
  const metadata = new MemoryMetadataStore(systemRandom);
  const broker = await Broker.open({ fs: new MemoryFileSystem(), metadata, dataDir: "/data" });
  await broker.createTopic({ name: "t", partitionCount });
  for (let partition = 0; partition < partitionCount; partition++) await append(broker, 10, partition);
  return broker;
}

export async function append(broker: Broker, records: number, partition = 0): Promise<void> {
  for (let i = 0; i < records; i++) await broker.produce("t", partition, batchOf([`v${i}`]), undefined);
}

/** A partition as the coordinator assigns it. */
export function assigned(partition = 0, offset?: number, expired = false): AssignedPartition {
  const committed =
    offset === undefined ? undefined : { offset, metadata: "", committedAtMs: 1_700_000_000_000, expired };
  return { topic: "t", partition, committed };
}

export const place = (partition = 0): TopicPartition => ({ topic: "t", partition });

/** A consumer that has joined, with credit for everything. */
export async function consumer(
  broker: Broker,
  options: Partial<ConsumeCommand> = {},
  parts: Partial<ConsumptionParts> & { readonly groups?: FakeGroups } = {},
) {
  const { groups = new FakeGroups() } = parts;
  const sink = new RecordingSink();
  const consumption = await GroupConsumption.join(
    {
      groups,
      random: systemRandom,
      subscribe: (reader, limits) => broker.subscribe(reader, limits),
      bounds: (topic, partition) => broker.describeTopic(topic).partitions[partition]!,
      ...parts,
    },
    {
      group: "g",
      memberId: "m",
      memberEpoch: 0,
      instanceId: undefined,
      clientId: "",
      subscription: { topics: ["t"], topicPattern: undefined },
      assignor: undefined,
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 300_000,
      onNoOffset: "start",
      onGap: "fail",
      maxBytes: 1_048_576,
      ...options,
    },
    sink,
  );
  consumption.addCredit(1_000_000, 1e9);
  const member: FakeMember = groups.members[0]!;
  return { groups, sink, consumption, member };
}

/** Lets everything happen that needs no time. */
export async function quiet(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}
