import { join } from "node:path";
import { type Admin, type Client, connect } from "../../src/index.ts";
import type { BareClientTasks } from "../processes/bare-client.ts";
import type { BareServerTasks, KeepTask } from "../processes/bare-server.ts";
import type { ConsumerTasks } from "../processes/consumer.ts";
import type { ProducerTasks } from "../processes/producer.ts";
import type { BenchContext } from "./bench-context.ts";
import type { BusyTime } from "./busy-time.ts";
import { BrokerProcess } from "./broker-process.ts";
import { profilerOptions } from "./cpu-profile.ts";
import { MB } from "./record-sizes.ts";
import type { CpuCost } from "./report.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Bytes of one batch on the bare stream: what the SDK's producer makes of its default `batchBytes`. */
export const PRODUCE_BATCH_BYTES = 262_144;
/** Bytes of one delivery: the SDK's default. */
export const DELIVERY_BYTES = 1_048_576;
/** Batches under way on the bare stream. */
const BARE_WINDOW = 32;
const TCP_PIECE_BYTES = 65_536;

/** What to produce or read: one kind of records in a topic of some partitions. */
export interface Load {
  readonly label: string;
  readonly recordBytes: number;
  readonly recordCount: number;
  readonly partitions: number;
  readonly isKeyed: boolean;
}

/** What one run of a load gave. */
export interface LoadRun {
  /** Payload. */
  readonly mbPerSecond: number;
  readonly cost: CpuCost;
}

/** A broker with a producer and a consumer, and the bare network beside them: five processes. */
export class PathRig {
  readonly broker: BrokerProcess;
  readonly #folder: string;
  readonly #client: Client;
  readonly #admin: Admin;
  readonly #producer: WorkerProcess<ProducerTasks>;
  readonly #consumer: WorkerProcess<ConsumerTasks>;
  readonly #bareServer = new WorkerProcess<BareServerTasks>("bare-server");
  readonly #bareClient: WorkerProcess<BareClientTasks>;
  #grpcPort = 0;
  #tcpPort = 0;
  #topics = 0;

  private constructor(context: BenchContext, broker: BrokerProcess, client: Client) {
    this.broker = broker;
    this.#folder = context.folder;
    this.#client = client;
    this.#admin = client.admin();
    const { programOptions, profileFolder } = context;
    const optionsOf = (script: string) => [...programOptions, ...profilerOptions(profileFolder, script)];
    this.#producer = new WorkerProcess("producer", optionsOf("producer"));
    this.#consumer = new WorkerProcess("consumer", optionsOf("consumer"));
    this.#bareClient = new WorkerProcess("bare-client", programOptions);
  }

  /** Starts all processes, gives them to the work, and stops them. */
  static async use<Result>(context: BenchContext, work: (rig: PathRig) => Promise<Result>): Promise<Result> {
    const nodeOptions = profilerOptions(context.profileFolder, "broker");
    const broker = await BrokerProcess.start(join(context.folder, "data"), nodeOptions);
    const rig = new PathRig(context, broker, await connect({ brokers: broker.endpoint }));
    try {
      rig.#grpcPort = await rig.#bareServer.ask("listenGrpc", undefined);
      rig.#tcpPort = await rig.#bareServer.ask("listenTcp", undefined);
      return await work(rig);
    } finally {
      await rig.#stop();
    }
  }

  /** A topic whose appends are acknowledged as said. */
  async createTopic(partitionCount: number, flushMode: "written" | "durable"): Promise<string> {
    const name = `path-${this.#topics++}`;
    const configs = { "flush.mode": flushMode, "file.delete.delay.ms": "0" };
    await this.#admin.createTopic({ name, partitionCount, configs });
    return name;
  }

  async deleteTopic(name: string): Promise<void> {
    await this.#admin.deleteTopic(name);
  }

  /** Produces a whole load. */
  produce(topic: string, load: Load): Promise<LoadRun> {
    const { recordCount, recordBytes, isKeyed } = load;
    const task = { endpoint: this.broker.endpoint, topic, recordCount, recordBytes, isKeyed };
    return this.#measure(load, () => this.#producer.ask("produce", task));
  }

  /** Reads a whole load. */
  consume(topic: string, load: Load): Promise<LoadRun> {
    const task = { endpoint: this.broker.endpoint, topic, recordCount: load.recordCount };
    return this.#measure(load, () => this.#consumer.ask("consume", task));
  }

  /** Batches up a bare stream, into as many files as there are partitions; returns MB/s. */
  async bareUpload(bytes: number, keep: KeepTask["keep"], files: number): Promise<number> {
    await this.#bareServer.ask("keepNext", { keep, folder: this.#folder, files });
    const task = { port: this.#grpcPort, bytes, pieceBytes: PRODUCE_BATCH_BYTES, window: BARE_WINDOW };
    const mbPerSecond = await this.#bareClient.ask("upload", task);
    await this.#bareServer.ask("closeFiles", undefined);
    return mbPerSecond;
  }

  /** A file down a bare stream; returns MB/s. */
  async bareDownload(path: string): Promise<number> {
    await this.#bareServer.ask("sendNext", { path, chunkBytes: DELIVERY_BYTES });
    return this.#bareClient.ask("download", { port: this.#grpcPort });
  }

  /** Bytes over a bare socket; returns MB/s. */
  bareTcp(bytes: number): Promise<number> {
    const task = { port: this.#tcpPort, bytes, pieceBytes: TCP_PIECE_BYTES, window: 0 };
    return this.#bareClient.ask("sendTcp", task);
  }

  async #measure(load: Load, run: () => Promise<BusyTime>): Promise<LoadRun> {
    const bytes = load.recordCount * load.recordBytes;
    const before = await this.broker.cpuMs();
    const { tookMs, cpuMs } = await run();
    const brokerMs = (await this.broker.cpuMs()) - before;
    const perGb = (ms: number) => (ms * MB) / bytes; // ms per MB are s per GB
    return { mbPerSecond: bytes / tookMs / 1_000, cost: { broker: perGb(brokerMs), program: perGb(cpuMs) } };
  }

  async #stop(): Promise<void> {
    await this.#client.close();
    const workers = [this.#producer, this.#consumer, this.#bareServer, this.#bareClient];
    await Promise.all(workers.map((worker) => worker.stop()));
    await this.broker.stop();
  }
}
