/** Members that read with the SDK: by batch, by record, or with several workers. */
import { type Random, seededRandom, sleep, systemClock } from "../../../src/base/index.ts";
import {
  type Client,
  connect,
  type ConsumedBatch,
  type GroupConsumer,
  MillraceError,
} from "../../../src/index.ts";
import type { LateCommits } from "./late-commits.ts";
import { type MemberOptions, partitionName } from "./member-options.ts";
import type { KnownTenure, MemberRecorder } from "./member-recorder.ts";

const REBALANCE_TIMEOUT_MS = 60_000;
const AUTO_COMMIT_INTERVAL_MS = 200;
const WORKERS = 8;
const COMMITS_UNDER_WAY_MAX = 4;
const SEEK_BACK_MAX = 20;
const RECONNECT_MS = 100;

/** A member that can be asked to end. */
export interface RunningMember {
  /** Resolves when it has ended, after `stop` or because another took its place; rejects with what it failed of. */
  readonly ended: Promise<void>;
  /** Ends softly; with `leave`, its partitions go to others at once. */
  stop(leave: boolean): void;
}

/** Joins the group and reads until it is stopped. */
export async function startSdkMember(
  options: MemberOptions,
  recorder: MemberRecorder,
  late: LateCommits,
): Promise<RunningMember> {
  const client = await connectSoon(options);
  const member = new SdkMember(options, recorder, late, client);
  return { ended: member.run(), stop: (leave) => member.stop(leave) };
}

/** The broker may be away at the moment. */
async function connectSoon({ endpoint, member }: MemberOptions): Promise<Client> {
  for (;;) {
    try {
      return await connect({ brokers: endpoint, clientId: member });
    } catch (error) {
      if (MillraceError.from(error).retry === "never") throw error;
      await sleep(systemClock, RECONNECT_MS);
    }
  }
}

class SdkMember {
  readonly #options: MemberOptions;
  readonly #recorder: MemberRecorder;
  readonly #random: Random;
  readonly #client: Client;
  readonly #consumer: GroupConsumer;
  readonly #commits = new Set<Promise<void>>();
  #leave = true;
  #seeks = 0;

  constructor(options: MemberOptions, recorder: MemberRecorder, late: LateCommits, client: Client) {
    this.#options = options;
    this.#recorder = recorder;
    this.#random = seededRandom(options.seed);
    this.#client = client;
    const { group, instance, kind, topics, sessionTimeoutMs } = options;
    const isManual = kind === "batches";
    this.#consumer = client.consumer({
      group,
      topics,
      sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      ...(instance === undefined ? {} : { instanceId: instance }),
      ...(isManual ? { autoCommit: false } : { autoCommitIntervalMs: AUTO_COMMIT_INTERVAL_MS }),
      onAssigned: (partitions) => {
        const { memberId, memberEpoch } = this.#consumer;
        for (const assigned of partitions) {
          const start = assigned.committed?.offset ?? 0;
          recorder.assigned(partitionName(assigned), memberId, memberEpoch, start);
        }
      },
      onRevoked: (partitions) => recorder.ended("released", partitions.map(partitionName)),
      onLost: (partitions) => {
        const names = partitions.map(partitionName);
        const tenures = names.flatMap((name) => recorder.tenure(name) ?? []);
        recorder.ended("lost", names);
        late.send(tenures);
      },
      onRetry: ({ reason }) => {
        if (reason === "DISCONNECTED") recorder.disconnected();
      },
      onCommit: ({ offsets, error }) => {
        if (isManual || error !== undefined) return;
        for (const commit of offsets) recorder.committedByItself(partitionName(commit), commit.offset);
      },
    });
  }

  async run(): Promise<void> {
    try {
      if (this.#options.kind === "batches") await this.#readBatches();
      else if (this.#options.kind === "records") await this.#readRecords();
      else await this.#work();
      await Promise.all(this.#commits);
      this.#recorder.left();
      await this.#consumer.close({ leave: this.#leave });
    } catch (error) {
      if (MillraceError.from(error).reason !== "MEMBER_FENCED") throw error;
      this.#recorder.left();
    }
    await this.#client.close();
  }

  stop(leave: boolean): void {
    this.#leave = leave;
    this.#consumer.stop();
  }

  async #readBatches(): Promise<void> {
    for await (const batch of this.#consumer.batches()) {
      const name = partitionName(batch);
      const values = batch.toArray().map(({ value }) => String(value));
      this.#recorder.polled(name, batch.firstOffset, values);
      const known = this.#recorder.tenure(name);
      if (known !== undefined) this.#hear(known);
      await this.#pauseNowAndThen();
      this.#commit(batch, batch.nextOffset);
      while (this.#commits.size >= COMMITS_UNDER_WAY_MAX) await Promise.race(this.#commits);
      if (this.#random.fraction() < 0.02) await this.#seekBack(batch);
    }
  }

  async #readRecords(): Promise<void> {
    for await (const record of this.#consumer.records()) {
      const name = partitionName(record);
      this.#recorder.polled(name, record.offset, [String(record.value)]);
      const known = this.#recorder.tenure(name);
      if (known !== undefined) this.#hear(known);
      if (this.#random.fraction() < 0.05) await sleep(systemClock, this.#random.fraction() * 20);
    }
  }

  async #work(): Promise<void> {
    await this.#consumer.run({
      concurrency: WORKERS,
      order: this.#random.fraction() < 0.5 ? "key" : "none",
      handler: async (record, { signal }) => {
        await sleep(systemClock, this.#random.fraction() ** 4 * 60);
        const name = partitionName(record);
        const known = this.#recorder.tenure(name);
        // What was begun before the partition was lost does not count any more.
        if (signal.aborted || known === undefined) return;
        this.#recorder.polled(name, record.offset, [String(record.value)]);
        this.#hear(known);
      },
    });
  }

  #hear(known: KnownTenure): void {
    const { memberId, memberEpoch } = this.#consumer;
    if (memberId === known.memberId && memberEpoch > known.epoch) known.epoch = memberEpoch;
  }

  #commit({ topic, partition }: ConsumedBatch, offset: number): void {
    const name = partitionName({ topic, partition });
    const known = this.#recorder.tenure(name);
    const seeks = this.#seeks;
    const rewind = known?.mayRewind ? ({ rewind: true } as const) : {};
    const commit = this.#recorder.commitSent(name, offset, rewind);
    const committing = this.#consumer
      .commit([{ topic, partition, offset }])
      .then(
        () => {
          this.#recorder.committed(name, commit);
          // The client goes back once, with the first commit after the seek that succeeds.
          if (known !== undefined && "rewind" in rewind && this.#seeks === seeks) known.mayRewind = false;
        },
        (error: unknown) => this.#recorder.notCommitted(name, commit, MillraceError.from(error)),
      )
      .finally(() => this.#commits.delete(committing));
    this.#commits.add(committing);
  }

  async #pauseNowAndThen(): Promise<void> {
    if (this.#random.fraction() < 0.3) await sleep(systemClock, this.#random.fraction() * 10);
    if (this.#random.fraction() >= 0.02) return;
    this.#consumer.pause();
    await sleep(systemClock, this.#random.fraction() * 100);
    this.#consumer.resume();
  }

  async #seekBack({ topic, partition, nextOffset }: ConsumedBatch): Promise<void> {
    const offset = Math.max(0, nextOffset - Math.ceil(this.#random.fraction() * SEEK_BACK_MAX));
    try {
      this.#seeks++;
      this.#recorder.sought(partitionName({ topic, partition }), offset);
      await this.#consumer.seek({ topic, partition }, offset);
    } catch (error) {
      // The partition went while the batch was worked on.
      if (MillraceError.from(error).reason !== "INVALID_REQUEST") throw error;
    }
  }
}
