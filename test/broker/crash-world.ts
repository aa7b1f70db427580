import { seededRandom } from "../../src/base/index.ts";
import { Broker } from "../../src/broker/index.ts";
import { MillraceError, StartError } from "../../src/errors/index.ts";
import { FaultPlan, FaultyFileSystem, FileSystemError, MemoryFileSystem } from "../../src/fs/index.ts";
import { MemoryMetadataStore } from "../../src/metadata/index.ts";
import { batchOf, type BatchOptions, readAll } from "../log/batches.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { settled, turn } from "../support/turns.ts";
import { Ledger } from "./ledger.ts";

/** Thrown out of a scenario when the power is gone. */
class PowerIsGone extends Error {}

/** How often a broker of these tests writes checkpoints, and applies retention. */
export const CHECKPOINT_MS = 1_000;
export const RETENTION_MS = 100_000;

/** A disk, the metadata beside it, what was promised, and a broker that runs on it or not. */
export class CrashWorld {
  readonly disk: MemoryFileSystem;
  readonly clock = new ManualClock();
  readonly ledgers = new Map<string, Ledger>();
  #plan: FaultPlan;
  #store: MemoryMetadataStore;
  #epochs = 0;
  #broker: Broker | undefined;

  private constructor(disk: MemoryFileSystem, plan: FaultPlan) {
    this.disk = disk;
    this.#plan = plan;
    this.#store = new MemoryMetadataStore(seededRandom(1));
  }

  /** A new disk, whose faults are those of the plan. */
  static async create(
    plan: FaultPlan,
    disk = new MemoryFileSystem({ crashModel: true }),
  ): Promise<CrashWorld> {
    await disk.makeDirectory("/data");
    await disk.syncDirectory("/");
    return new CrashWorld(disk, plan);
  }

  get broker(): Broker {
    if (this.#broker === undefined) throw new PowerIsGone("no broker runs");
    return this.#broker;
  }

  /** The world as it goes on from another disk: a crashed copy of this one, or this one itself. */
  async fork(disk: MemoryFileSystem, plan = new FaultPlan()): Promise<CrashWorld> {
    const copy = new CrashWorld(disk, plan);
    await this.#store.close();
    await this.#store.open();
    await copy.#store.open();
    for (const { version: _, ...topic } of await this.#store.loadTopics()) {
      await copy.#store.putTopic(topic, undefined);
    }
    for (; copy.#epochs < this.#epochs; copy.#epochs++) await copy.#store.nextBrokerEpoch();
    await this.#store.close();
    await copy.#store.close();
    for (const [topic, ledger] of this.ledgers) copy.ledgers.set(topic, ledger.fork());
    return copy;
  }

  /** Runs a scenario to its end or until the power goes. What it throws otherwise is a defect. */
  async run(scenario: (world: CrashWorld) => Promise<void>): Promise<void> {
    try {
      await scenario(this);
    } catch (error) {
      if (!(error instanceof PowerIsGone)) throw error;
    }
  }

  /** One step: settles without time passing, and fails only with errors that a caller may get. */
  async step<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    let result: T | undefined;
    try {
      result = await settled(work(), what);
    } catch (error) {
      // A change of topics may pass on what the disk said as INTERNAL; the path of records may not.
      const isExpected = error instanceof MillraceError;
      if (!isExpected && !(error instanceof StartError))
        throw new Error(`${what}: ${String(error)}`, { cause: error });
    }
    this.#sawBounds();
    if (!this.#plan.hasPower) throw new PowerIsGone();
    return result;
  }

  /** Starts a broker. A start that fails is tried once more: the fault was for one time. */
  async open(): Promise<void> {
    for (let attempt = 0; attempt < 2 && this.#broker === undefined; attempt++) {
      this.#epochs++;
      const options = { metadata: this.#store, dataDir: "/data", clock: this.clock };
      const intervals = { checkpointIntervalMs: CHECKPOINT_MS, retentionCheckIntervalMs: RETENTION_MS };
      const fs = new FaultyFileSystem(this.disk, this.#plan);
      this.#broker = await this.step("starting", () =>
        Broker.open({ fs, ...options, ...intervals }).catch(asStartError),
      );
    }
  }

  /** Stops the broker as it should be stopped. */
  async close(): Promise<void> {
    const { broker } = this;
    await this.step("closing", () => broker.close());
    this.#broker = undefined;
  }

  /** The process is killed: nothing it had under way goes on. */
  async kill(): Promise<void> {
    this.#plan.losePower();
    await turn();
    this.#broker = undefined;
    this.#plan = new FaultPlan();
    await this.#store.close();
  }

  async createTopic(topic: string, configs: Readonly<Record<string, string>>): Promise<void> {
    this.ledgers.set(topic, new Ledger(configs["flush.mode"] !== "written"));
    for (let attempt = 0; attempt < 2; attempt++) {
      const created = await this.step("creating", () => this.broker.createTopic({ name: topic, configs }));
      if (created !== undefined) return;
    }
  }

  /** Sends batches of so many records at once, and waits for all answers. */
  async produce(
    topic: string,
    recordCounts: readonly number[],
    durability?: "written" | "durable",
    options?: BatchOptions,
  ): Promise<void> {
    const answers = recordCounts.map((count) =>
      this.send(topic, this.ledgers.get(topic)!.send(count), durability, options),
    );
    await this.step("producing", () => Promise.all(answers));
  }

  /** Appends to every topic, and tells which would not take it. */
  async append(): Promise<string[]> {
    const problems: string[] = [];
    for (const [topic, ledger] of this.ledgers) {
      const before = ledger.acknowledgedCount;
      await this.produce(topic, [2, 1], "durable");
      if (ledger.acknowledgedCount !== before + 2) problems.push(`${topic} takes nothing any more`);
    }
    return problems;
  }

  /** Sends a batch, perhaps not for the first time. */
  async send(
    topic: string,
    sent: ReturnType<Ledger["send"]>,
    durability?: "written" | "durable",
    options: BatchOptions = {},
  ): Promise<void> {
    const ledger = this.ledgers.get(topic)!;
    const timestampsMs = this.clock.nowMs();
    try {
      const batch = batchOf(sent.values, { timestampsMs, ...options });
      ledger.acknowledge(sent, await this.broker.produce(topic, 0, batch, durability));
    } catch (error) {
      if (!(error instanceof MillraceError) || error.reason === "INTERNAL") throw error;
      ledger.refuse(sent, error.effect === "none");
    }
  }

  async trim(topic: string, offset: number): Promise<void> {
    const ledger = this.ledgers.get(topic)!;
    ledger.trimAsked(offset);
    const start = await this.step("trimming", () => this.broker.trimPartition(topic, 0, offset));
    if (start !== undefined) ledger.trimDone(start);
  }

  /** Reads everything, as a consumer would. */
  async read(topic: string) {
    const records = await this.step("reading", () => readAll(this.#reader(topic), 300));
    this.ledgers.get(topic)!.saw(records ?? []);
    return records;
  }

  /** Lets time pass, and what is due then happen. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.step("waiting", turn);
  }

  /** Opens a broker on the disk as it is and checks every topic; then it is the log to go on with. */
  async recover(survived: "power" | "process"): Promise<string[]> {
    await this.open();
    const problems: string[] = [];
    for (const [topic, ledger] of this.ledgers) {
      if (!this.broker.listTopics().some(({ name }) => name === topic)) {
        if (ledger.acknowledgedCount > 0) problems.push(`topic ${topic} is gone`);
        this.ledgers.delete(topic);
        continue;
      }
      const { offlineReason, logStartOffset } = this.broker.describeTopic(topic).partitions[0]!;
      if (offlineReason !== undefined) {
        problems.push(`${topic} is offline: ${this.#offlineText(topic)}`);
        continue;
      }
      const records = await readAll(this.#reader(topic), 300);
      for (const problem of ledger.check(records, logStartOffset, survived))
        problems.push(`${topic}: ${problem}`);
      ledger.restart(records, logStartOffset);
    }
    return problems;
  }

  #offlineText(topic: string): string {
    try {
      this.#reader(topic);
      return "";
    } catch (error) {
      return String(error);
    }
  }

  #reader(topic: string) {
    const { broker } = this;
    const bounds = () => broker.describeTopic(topic).partitions[0]!;
    return {
      get logStartOffset() {
        return bounds().logStartOffset;
      },
      get highWatermark() {
        return bounds().highWatermark;
      },
      async read(offset: number, maxBytes: number) {
        const options = { minBytes: 1, maxWaitMs: 0, maxBytes };
        const [part] = await broker.fetch([{ topic, partition: 0, offset, maxBytes }], options);
        if (part instanceof MillraceError) throw part;
        return part!;
      },
    };
  }

  #sawBounds(): void {
    if (this.#broker === undefined) return;
    for (const [topic, ledger] of this.ledgers) {
      if (!this.#broker.listTopics().some(({ name }) => name === topic)) continue;
      const { logStartOffset, highWatermark, offlineReason } =
        this.#broker.describeTopic(topic).partitions[0]!;
      ledger.trimAsked(logStartOffset);
      if (offlineReason === undefined) ledger.sawHighWatermark(highWatermark);
    }
  }
}

/** A start may also end with what the disk said. */
function asStartError(error: unknown): never {
  if (error instanceof FileSystemError) throw new StartError("DATA_FOLDER_UNUSABLE", error.message, error);
  throw error;
}
