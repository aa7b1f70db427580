/** A broker, producers and members of two groups as processes, and what can be done to them; all of it on record. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sleep, systemClock } from "../../../src/base/index.ts";
import { type Client, connect, type GroupDescription, MillraceError } from "../../../src/index.ts";
import { BrokerProcess } from "../../support/broker-process.ts";
import { HistoryFile, nowUs } from "./checker/history-file.ts";
import { ChildMain } from "./child-process.ts";
import { type MemberKind, type MemberOptions, partitionName } from "./member-options.ts";
import type { ProducerProcessOptions } from "./producer-main.ts";

export const GROUPS = ["g", "h"];
export const SESSION_TIMEOUT_MS = 1_500;
/** A broker asks a silent client after this time, and cuts it off if there is no answer for as long again. */
export const KEEPALIVE_MS = 700;

const TOPICS = ["a", "b"];
const PARTITIONS = 12;
const RECORDS_PER_SECOND = 400;
const SETTLE_MS_MAX = 30_000;
const DRAIN_MS_MAX = 60_000;
const EXIT_MS_MAX = 45_000;
const LOOK_AGAIN_MS = 50;
const STORED_CHUNK = 200;
const SEEN_CHARACTERS_MAX = 3_000;

/** A member and its process. */
export interface MemberProcess {
  readonly options: MemberOptions;
  readonly process: ChildMain;
  state: "running" | "stopped" | "ending";
}

/** What `GroupCluster.start` needs. */
export interface GroupClusterOptions {
  /** Where everything goes: data, history, compiled code. */
  readonly folder: string;
  readonly seed: number;
}

export class GroupCluster {
  readonly historyFolder: string;
  /** What went wrong beside what the history tells: members that failed, groups that did not settle. */
  readonly problems: string[] = [];
  readonly #options: GroupClusterOptions;
  readonly #file: HistoryFile;
  readonly #members = new Set<MemberProcess>();
  #broker: BrokerProcess;
  #client: Client;
  #producers: ChildMain | undefined;
  #names = 0;

  private constructor(
    options: GroupClusterOptions,
    broker: BrokerProcess,
    client: Client,
    historyFolder: string,
  ) {
    this.#options = options;
    this.#broker = broker;
    this.#client = client;
    this.historyFolder = historyFolder;
    this.#file = new HistoryFile(historyFolder, "rounds");
  }

  /** Starts a broker with two topics, and producers. */
  static async start(options: GroupClusterOptions): Promise<GroupCluster> {
    const historyFolder = join(options.folder, "history");
    await mkdir(historyFolder, { recursive: true });
    const broker = await startBroker(options.folder);
    const client = await connect({ brokers: broker.endpoint, clientId: "rounds" });
    for (const name of TOPICS) await client.admin().createTopic({ name, partitionCount: PARTITIONS });
    const cluster = new GroupCluster(options, broker, client, historyFolder);
    cluster.#startProducers();
    return cluster;
  }

  /** The members that run, of all groups. */
  get running(): MemberProcess[] {
    return [...this.#members].filter(({ state }) => state === "running");
  }

  startMember(group: string, kind: MemberKind, instance?: string): MemberProcess {
    const number = this.#names++;
    const options: MemberOptions = {
      member: `${group}${number}-${kind}`,
      group,
      kind,
      ...(instance === undefined ? {} : { instance }),
      endpoint: this.#broker.endpoint,
      historyFolder: this.historyFolder,
      topics: TOPICS,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      seed: this.#options.seed + number,
    };
    const process = new ChildMain("./member-main.ts", options, this.#cacheFolder);
    const member: MemberProcess = { options, process, state: "running" };
    this.#members.add(member);
    void process.exited.then((status) => {
      this.#members.delete(member);
      if (member.state === "ending" && (status === 0 || status === "SIGKILL")) return;
      this.problems.push(`${options.member} ended with ${status}:\n${process.stderr}`);
    });
    return member;
  }

  async killMember(member: MemberProcess): Promise<void> {
    this.#file.write({ kind: "killed", member: member.options.member });
    member.state = "ending";
    member.process.signal("SIGKILL");
    await member.process.exited;
  }

  /** Takes a member away from the processor for a time. */
  async stopMember(member: MemberProcess, stoppedMs: number): Promise<void> {
    const { member: name } = member.options;
    await member.process.ready;
    this.#file.write({ kind: "stopped", member: name });
    member.state = "stopped";
    member.process.signal("SIGSTOP");
    await sleep(systemClock, stoppedMs);
    this.#file.write({ kind: "continued", member: name });
    member.process.signal("SIGCONT");
    member.state = "running";
  }

  /** Asks a member to end; without `leave` it is expected back under its instance id. */
  async endMember(member: MemberProcess, leave: boolean): Promise<void> {
    member.state = "ending";
    await member.process.ready;
    member.process.signal(leave ? "SIGTERM" : "SIGINT");
    await this.#exit(member.process, member.options.member);
  }

  async killBroker(): Promise<void> {
    this.#file.write({ kind: "broker-killed" });
    await this.#broker.kill();
  }

  async restartBroker(): Promise<void> {
    this.#broker = await startBroker(this.#options.folder, this.#broker.port);
    this.#file.write({ kind: "broker-started" });
  }

  /** Waits until all running members share all partitions. */
  async settle(): Promise<void> {
    for (const group of GROUPS) {
      const running = this.running.filter(({ options }) => options.group === group);
      const expected = running.map(({ options }) => options.member).sort();
      const askedAt = await this.#waitFor(
        group,
        "settle",
        SETTLE_MS_MAX,
        ({ state, members, partitions }) => {
          const connected = members.filter(({ isConnected }) => isConnected).map(({ clientId }) => clientId);
          const isShared = partitions.every(({ memberId }) => memberId !== undefined);
          const isComplete =
            members.length === expected.length && String(connected.sort()) === String(expected);
          return state === "stable" && isShared && isComplete;
        },
      );
      if (askedAt === undefined) continue;
      this.#file.write(...expected.map((member) => ({ kind: "connected", member, askedAt }) as const));
    }
  }

  /** Asks for the committed offsets of all groups. */
  async observe(): Promise<void> {
    for (const group of GROUPS) {
      const { askedAt, answers } = await this.#askCommitted(group);
      const events = answers.map(({ committed, ...partition }) => {
        const offset = committed === undefined ? {} : { offset: committed.offset };
        return { kind: "observed", group, partition: partitionName(partition), askedAt, ...offset } as const;
      });
      this.#file.write(...events);
    }
  }

  /** The client may still be on its way back to a broker that was restarted. */
  async #askCommitted(group: string) {
    const until = systemClock.monotonicMs() + SETTLE_MS_MAX;
    for (;;) {
      try {
        const askedAt = nowUs();
        return { askedAt, answers: await this.#client.admin().committedOffsets(group, allPartitions()) };
      } catch (error) {
        if (MillraceError.from(error).retry === "never" || systemClock.monotonicMs() > until) throw error;
        await sleep(systemClock, LOOK_AGAIN_MS);
      }
    }
  }

  /** Ends the producers, lets the groups read everything, ends the members, and looks at what there is. */
  async finish(): Promise<void> {
    await this.#producers!.ready;
    this.#producers!.signal("SIGTERM");
    await this.#exit(this.#producers!, "the producers' process");
    await this.settle();
    for (const group of GROUPS)
      await this.#waitFor(group, "read everything", DRAIN_MS_MAX, ({ partitions }) =>
        partitions.every(({ lag }) => lag === 0),
      );
    await Promise.all(this.running.map((member) => this.endMember(member, true)));
    await this.killBroker();
    await this.restartBroker();
    await this.observe();
    await this.#readLog();
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    for (const { process } of this.#members) process.signal("SIGKILL");
    this.#producers?.signal("SIGKILL");
    await this.#client.close();
    await this.#broker.kill();
  }

  get #cacheFolder(): string {
    return join(this.#options.folder, "compiled");
  }

  #startProducers(): void {
    const options: ProducerProcessOptions = {
      endpoint: this.#broker.endpoint,
      historyFolder: this.historyFolder,
      topics: TOPICS,
      partitionCount: PARTITIONS,
      recordsPerSecond: RECORDS_PER_SECOND,
      seed: this.#options.seed,
    };
    this.#producers = new ChildMain("./producer-main.ts", options, this.#cacheFolder);
  }

  /** Waits for the end of a process; one that hangs is killed. */
  async #exit(process: ChildMain, name: string): Promise<void> {
    const timeIsOver = sleep(systemClock, EXIT_MS_MAX).then(() => "hangs" as const);
    const status = await Promise.race([process.exited, timeIsOver]);
    if (status === "hangs") process.signal("SIGKILL");
    if (status !== 0) this.problems.push(`${name} did not end as asked: ${status}\n${process.stderr}`);
  }

  /** Returns when it was asked for the description that fits; undefined if none came in time. */
  async #waitFor(
    group: string,
    what: string,
    timeoutMs: number,
    isReached: (description: GroupDescription) => boolean,
  ): Promise<number | undefined> {
    const until = systemClock.monotonicMs() + timeoutMs;
    let last: GroupDescription | MillraceError | undefined;
    while (systemClock.monotonicMs() < until) {
      try {
        const askedAt = nowUs();
        last = await this.#client.admin().describeGroup(group);
        if (isReached(last)) return askedAt;
      } catch (error) {
        last = MillraceError.from(error);
        if (last.retry === "never" && last.reason !== "GROUP_NOT_FOUND") throw last;
      }
      await sleep(systemClock, LOOK_AGAIN_MS);
    }
    const seen =
      last instanceof MillraceError ? String(last) : JSON.stringify(last).slice(0, SEEN_CHARACTERS_MAX);
    this.problems.push(`group ${group} did not ${what} within ${timeoutMs} ms: ${seen}`);
    return undefined;
  }

  async #readLog(): Promise<void> {
    const reader = this.#client.reader();
    await reader.assign(TOPICS.map((topic) => ({ topic, from: "start" })));
    const log = new Map<string, string[]>(allPartitions().map((partition) => [partitionName(partition), []]));
    for await (const record of reader.records({ stopAtEnd: true })) {
      const values = log.get(partitionName(record))!;
      if (record.offset !== values.length)
        this.problems.push(
          `${partitionName(record)}: offset ${record.offset} follows ${values.length} by hand`,
        );
      values.push(String(record.value));
    }
    await reader.close();
    for (const [partition, values] of log)
      for (let offset = 0; offset < values.length; offset += STORED_CHUNK) {
        const chunk = values.slice(offset, offset + STORED_CHUNK);
        this.#file.write({ kind: "stored", partition, offset, values: chunk });
      }
  }
}

function startBroker(folder: string, port = 0): Promise<BrokerProcess> {
  const keepalive = ["--keepalive-time-ms", `${KEEPALIVE_MS}`, "--keepalive-timeout-ms", `${KEEPALIVE_MS}`];
  return BrokerProcess.start({ dataDir: join(folder, "data"), port, args: keepalive });
}

function allPartitions(): { readonly topic: string; readonly partition: number }[] {
  return TOPICS.flatMap((topic) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
  );
}
