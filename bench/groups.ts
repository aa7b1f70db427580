/**
 * Consumer groups over gRPC: how long a rebalance takes with many members and partitions, and how many commits a second
 * are made durable. The members are in this process and read nothing.
 */
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { systemClock } from "../src/base/index.ts";
import { type Admin, type Client as Sdk, connect } from "../src/index.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { BrokerProcess } from "./support/broker-process.ts";
import { median } from "./support/comparison.ts";
import { GroupMember } from "./support/group-member.ts";
import type { BenchRow, Goal } from "./support/report.ts";

const MEMBERS = 100;
const TOPICS = 10;
const PARTITIONS_PER_TOPIC = 100;
const PARTITIONS = TOPICS * PARTITIONS_PER_TOPIC;
/** Streams of one connection stay below the broker's limit of 100. */
const MEMBERS_PER_CONNECTION = 50;
const REBALANCE_GOAL: Goal = { atMost: 1_000, unit: "ms" };
/** Records in each partition, so that there are offsets to commit. */
const RECORDS = 10;

/** Rebalances, then commits. */
export async function benchGroups(context: BenchContext): Promise<BenchRow[]> {
  const broker = await BrokerProcess.start(join(context.folder, "data"));
  const client = await connect({ brokers: broker.endpoint });
  const connections = Array.from({ length: Math.ceil(MEMBERS / MEMBERS_PER_CONNECTION) + 1 }, () =>
    dial(broker.endpoint),
  );
  try {
    context.progress(`${PARTITIONS} partitions`);
    const topics = await createTopics(client.admin());
    const together: number[] = [];
    const left: number[] = [];
    const joined: number[] = [];
    const commits: BenchRow[] = [];
    for (let round = 0; round <= context.scale.rounds; round++) {
      context.progress(`rebalance, round ${round}`);
      const group = new Members(connections, `rebalance-${round}`, topics);
      // The first round warms up.
      const times = [await group.joinTogether(), await group.oneLeaves(), await group.oneJoins()];
      if (round > 0) for (const [i, list] of [together, left, joined].entries()) list.push(times[i]!);
      if (round === context.scale.rounds) commits.push(...(await commitRows(context, group, client)));
      await group.leave();
    }
    return [...rebalanceRows(together, left, joined), ...commits];
  } finally {
    for (const connection of connections) connection.close();
    await client.close();
    await broker.stop();
  }
}

function rebalanceRows(together: number[], left: number[], joined: number[]): BenchRow[] {
  const row = (name: string, values: readonly number[]): BenchRow => ({
    name: `${name}, ${PARTITIONS} partitions, until stable`,
    value: median(values),
    unit: "ms",
    goal: REBALANCE_GOAL,
  });
  return [
    row(`${MEMBERS} members join together`, together),
    row(`one of ${MEMBERS} leaves`, left),
    row(`one joins ${MEMBERS - 1}`, joined),
  ];
}

/** All members of one group. */
class Members {
  readonly group: string;
  readonly members: GroupMember[];
  readonly #topics: readonly string[];
  readonly #connections: readonly Client[];
  #check = () => {};

  constructor(connections: readonly Client[], group: string, topics: readonly string[]) {
    this.group = group;
    this.#topics = topics;
    this.#connections = connections;
    this.members = Array.from({ length: MEMBERS }, (_, i) => this.#member(i));
  }

  joinTogether(): Promise<number> {
    return this.#untilStable(() => {
      for (const member of this.members) member.join(this.#topics);
    });
  }

  oneLeaves(): Promise<number> {
    return this.#untilStable(() => void this.members.pop()!.leave());
  }

  oneJoins(): Promise<number> {
    return this.#untilStable(() => {
      const member = this.#member(MEMBERS);
      this.members.push(member);
      member.join(this.#topics);
    });
  }

  async leave(): Promise<void> {
    await Promise.all(this.members.map((member) => member.leave()));
  }

  #member(index: number): GroupMember {
    const connection = this.#connections[Math.floor(index / MEMBERS_PER_CONNECTION)]!;
    return new GroupMember(connection, this.group, `member-${index}`, () => this.#check());
  }

  /** Milliseconds from a change until every partition is with one member and nobody has two more than another. */
  #untilStable(change: () => void): Promise<number> {
    const startedMs = systemClock.monotonicMs();
    return new Promise((resolve) => {
      this.#check = () => {
        const counts = this.members.map(({ owned }) => owned.size);
        if (counts.reduce((sum, count) => sum + count, 0) !== PARTITIONS) return;
        if (Math.max(...counts) - Math.min(...counts) > 1) return;
        this.#check = () => {};
        resolve(systemClock.monotonicMs() - startedMs);
      };
      change();
    });
  }
}

async function commitRows(
  context: BenchContext,
  { group, members }: Members,
  client: Sdk,
): Promise<BenchRow[]> {
  context.progress("commits");
  await fill(client);
  const rows: BenchRow[] = [];
  for (const perCall of [1, 10]) {
    const rates: number[] = [];
    for (let round = 0; round <= context.scale.rounds; round++) {
      const rate = await commitRate(context, { group, members, perCall });
      if (round > 0) rates.push(rate);
    }
    const offsets = perCall === 1 ? "one offset" : `${perCall} offsets`;
    rows.push({
      name: `commits made durable, ${MEMBERS} members, ${offsets} a call`,
      value: median(rates),
      unit: "calls/s",
    });
  }
  return rows;
}

/** Every member commits again as soon as it is answered. */
async function commitRate(
  { scale }: BenchContext,
  { group, members, perCall }: { group: string; members: readonly GroupMember[]; perCall: number },
): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  const endMs = startedMs + scale.sliceMs;
  let calls = 0;
  await Promise.all(
    members.map(async (member) => {
      const partitions = [...member.owned].slice(0, perCall).map(placeOf);
      for (let i = 0; systemClock.monotonicMs() < endMs; i++) {
        // A commit of the same offset could be answered without being written.
        const offset = i % (RECORDS + 1);
        const offsets = partitions.map((place) => ({ ...place, offset, rewind: true }));
        await member.commit({ group, memberId: member.memberId, memberEpoch: member.epoch, offsets });
        calls++;
      }
    }),
  );
  return calls / ((systemClock.monotonicMs() - startedMs) / 1_000);
}

function placeOf(name: string): { readonly topic: string; readonly partition: number } {
  const split = name.lastIndexOf("-");
  return { topic: name.slice(0, split), partition: Number(name.slice(split + 1)) };
}

async function createTopics(admin: Admin): Promise<string[]> {
  const names = Array.from({ length: TOPICS }, (_, i) => `group-bench-${i}`);
  for (const name of names) await admin.createTopic({ name, partitionCount: PARTITIONS_PER_TOPIC });
  return names;
}

async function fill(client: Sdk): Promise<void> {
  const producer = client.producer();
  for (let topic = 0; topic < TOPICS; topic++) {
    for (let i = 0; i < PARTITIONS_PER_TOPIC * RECORDS; i++) {
      const partition = i % PARTITIONS_PER_TOPIC;
      if (!producer.write(`group-bench-${topic}`, { value: "record", partition })) await producer.ready();
    }
  }
  await producer.close();
}

function dial(endpoint: string): Client {
  return new Client(endpoint, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
}
