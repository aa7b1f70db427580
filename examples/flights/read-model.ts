/** The read model of the demo: a group of two processes adds it up, one of them is killed, and it is rebuilt twice. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Client } from "../../src/index.ts";
import { type AirportDelays, Delays, type StoredDelays } from "./delays.ts";
import { TOPIC } from "./flights.ts";
import { GROUP, type MemberNews } from "./member-news.ts";
import { DELAYS_TOPIC, furthest, readStoredDelays } from "./stored-delays.ts";

const MEMBER = fileURLToPath(new URL("member.js", import.meta.url));

/** A member process, as its parent knows it. */
class Member {
  readonly partitions = new Set<number>();
  added = 0;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #heard = () => {};

  constructor(endpoint: string, name: string) {
    this.#child = fork(MEMBER, [endpoint, name]);
    this.#exited = once(this.#child, "exit").then(() => this.#heard());
    this.#child.on("message", (news) => this.#hear(news as MemberNews));
  }

  /** Resolves when something is so, which news of the member bring about. Throws if it ends before. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      this.requireAlive();
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** Throws if it has ended. */
  requireAlive(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`a member ended with ${exitCode ?? signalCode}`);
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }

  #hear(news: MemberNews): void {
    if ("assigned" in news) for (const partition of news.assigned) this.partitions.add(partition);
    else if ("revoked" in news) for (const partition of news.revoked) this.partitions.delete(partition);
    else this.added += news.added;
    this.#heard();
  }
}

/** What came of the group. */
export interface GroupRun {
  /** Partitions of the two members before one was killed. */
  readonly shared: readonly [number, number];
  /** Flights that the killed member had added. */
  readonly addedByKilled: number;
  /** From the kill until the other member had all partitions. */
  readonly movedMs: number;
}

/** Runs two members until everything is added up; one is killed once it has begun. */
export async function runGroup(client: Client, endpoint: string, partitions: number): Promise<GroupRun> {
  await client.admin().createTopic({
    name: DELAYS_TOPIC,
    partitionCount: 1,
    configs: { "cleanup.policy": "compact" },
  });
  const stays = new Member(endpoint, "member-a");
  const dies = new Member(endpoint, "member-b");
  try {
    await Promise.all([
      stays.until(() => stays.added > 0),
      dies.until(() => dies.partitions.size === partitions / 2 && dies.added > 0),
    ]);
    const shared = [stays.partitions.size, dies.partitions.size] as const;
    const killedMs = performance.now();
    await dies.end("SIGKILL");
    await stays.until(() => stays.partitions.size === partitions);
    const movedMs = performance.now() - killedMs;
    while ((await lagOf(client)) > 0) {
      stays.requireAlive();
      await sleep(20);
    }
    return { shared, addedByKilled: dies.added, movedMs };
  } finally {
    // Both: what fails may leave either of them running.
    await Promise.all([stays.end("SIGTERM"), dies.end("SIGKILL")]);
  }
}

async function lagOf(client: Client): Promise<number> {
  const { partitions } = await client.admin().describeGroup(GROUP);
  return partitions.reduce((lag, partition) => lag + partition.lag, 0);
}

/** The model as the group has left it, and as it comes out of the log. */
export interface Models {
  readonly ofGroup: readonly StoredDelays[];
  readonly fromBeginning: readonly StoredDelays[];
  readonly fromSnapshot: readonly StoredDelays[];
  /** Flights that the stored models, from which the last one was rebuilt, had already. */
  readonly inSnapshots: number;
}

/** Rebuilds the model by replay from offset 0, and from models stored on the way. */
export async function rebuild(client: Client, partitions: number): Promise<Models> {
  const stored = await readStoredDelays(client);
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const snapshots = all.map((partition) => stored.get(partition)?.[0]);
  return {
    ofGroup: all.map((partition) => furthest(stored.get(partition)) ?? new Delays().toJSON()),
    fromBeginning: await replay(
      client,
      all.map(() => undefined),
    ),
    fromSnapshot: await replay(client, snapshots),
    inSnapshots: snapshots.reduce((sum, model) => sum + (model?.nextOffset ?? 0), 0),
  };
}

async function replay(
  client: Client,
  from: readonly (StoredDelays | undefined)[],
): Promise<readonly StoredDelays[]> {
  const models = from.map((stored) => new Delays(stored));
  const reader = client.reader();
  await reader.assign(
    models.map(({ nextOffset }, partition) => ({ topic: TOPIC, partition, from: nextOffset })),
  );
  for await (const record of reader.records({ stopAtEnd: true })) models[record.partition]!.add(record);
  await reader.close();
  return models.map((model) => model.toJSON());
}

/** All airports of all partitions. */
export function airportsOf(models: readonly StoredDelays[]): Map<string, AirportDelays> {
  return new Map(models.flatMap(({ airports }) => Object.entries(airports)));
}
