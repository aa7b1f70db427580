import type { LogFields, Logger } from "../../src/base/index.ts";
import { type FileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import {
  FilePool,
  LruBudget,
  type LogConfig,
  type LogEnvironment,
  type OpenLogOptions,
  PartitionLog,
  ReadBuffers,
  TailCache,
} from "../../src/log/index.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** Configs under which nothing happens that a test does not ask for. */
export const QUIET_CONFIG: LogConfig = {
  segmentBytes: 1_000_000,
  segmentMs: 1_000_000_000,
  segmentIndexBytes: 1_000_000,
  indexIntervalBytes: 4_096,
  batchBytesMax: 3_000_000,
  flushMode: "durable",
  flushMessages: undefined,
  flushMs: undefined,
  retentionMs: undefined,
  retentionBytes: undefined,
  timestampType: "create",
  timestampBeforeMaxMs: undefined,
  timestampAfterMaxMs: undefined,
  fileDeleteDelayMs: 1_000,
  deletes: true,
  compacts: false,
  deleteRetentionMs: 1_000,
  dirtyRatioMin: 0.5,
  compactionLagMinMs: 0,
  compactionLagMaxMs: undefined,
};

/** What a rig is built of; the rest is roomy. */
export interface RigOptions {
  readonly fs?: FileSystem;
  readonly config?: Partial<LogConfig>;
  readonly cacheBytes?: number;
  readonly indexCacheBytes?: number;
  readonly openFilesMax?: number;
}

/** A line that the log wrote for its operator. */
export interface LogLine {
  readonly text: string;
  readonly fields: LogFields;
}

/** A folder with one log, which may be opened again and again, and what surrounds it. */
export class LogRig {
  readonly folder = "/log";
  readonly clock = new ManualClock();
  readonly fs: FileSystem;
  readonly lines: LogLine[] = [];
  readonly env: LogEnvironment;
  config: LogConfig;
  /** The log start as a checkpoint would have it. */
  checkpointedStart = 0;
  /** What making the log start durable does beside. */
  onPersistLogStart: () => Promise<void> = async () => undefined;
  #leaderEpoch = 0;

  constructor(options: RigOptions = {}) {
    const { cacheBytes = 0, indexCacheBytes = 1_000_000, openFilesMax = 100 } = options;
    this.fs = options.fs ?? new MemoryFileSystem();
    this.config = { ...QUIET_CONFIG, ...options.config };
    const note = (fields: LogFields, text: string) => {
      this.lines.push({ text, fields });
    };
    const logger: Logger = { info: note, warn: note, error: note };
    this.env = {
      fs: this.fs,
      clock: this.clock,
      logger,
      files: new FilePool(this.fs, openFilesMax, logger),
      indexes: new LruBudget(indexCacheBytes),
      producers: new LruBudget(1_000_000),
      producerExpirationMs: 86_400_000,
      cache: new TailCache(cacheBytes),
      buffers: new ReadBuffers(),
    };
  }

  /** Opens the log under the next leader epoch; by default as after a crash with nothing known but the log start. */
  async open(options: Partial<OpenLogOptions> = {}): Promise<PartitionLog> {
    await this.fs.makeDirectory(this.folder);
    const log: PartitionLog = await PartitionLog.open({
      env: this.env,
      name: "orders-0",
      folder: this.folder,
      config: this.config,
      leaderEpoch: this.#leaderEpoch++,
      isClean: false,
      recoveryPoint: 0,
      logStartOffset: this.checkpointedStart,
      persistLogStart: async () => {
        const start = log.logStartOffset;
        await this.onPersistLogStart();
        this.checkpointedStart = start;
      },
      ...options,
    });
    return log;
  }

  /** The term of the log that was opened last. */
  get leaderEpoch(): number {
    return this.#leaderEpoch - 1;
  }

  /** The line with this text that came last. */
  line(text: string): LogLine | undefined {
    return this.lines.findLast((line) => line.text.includes(text));
  }

  async names(): Promise<string[]> {
    return (await this.fs.list(this.folder)).map(({ name }) => name);
  }

  /** Content of a file of the log. */
  async bytes(name: string): Promise<Buffer> {
    return this.fs.readFile(`${this.folder}/${name}`, 100_000_000);
  }

  /** Replaces a file of the log. */
  async replace(name: string, content: Uint8Array): Promise<void> {
    const file = await this.fs.open(`${this.folder}/${name}`, "read-write-or-create");
    await file.truncate(0);
    if (content.byteLength > 0) await file.write([content], 0);
    await file.datasync();
    await file.close();
    await this.fs.syncDirectory(this.folder);
  }

  /** All files of the folder by name, to be compared or put back. */
  async snapshot(): Promise<Map<string, Buffer>> {
    const files = new Map<string, Buffer>();
    for (const { name, kind } of await this.fs.list(this.folder)) {
      if (kind === "file") files.set(name, await this.bytes(name));
    }
    return files;
  }

  /** The log as it goes on from another disk: a crashed copy of this one. */
  movedTo(fs: FileSystem, options: RigOptions = {}): LogRig {
    const rig = new LogRig({ config: this.config, ...options, fs });
    rig.#leaderEpoch = this.#leaderEpoch;
    rig.checkpointedStart = this.checkpointedStart;
    rig.clock.advance(this.clock.nowMs() - rig.clock.nowMs());
    return rig;
  }

  /** A rig of its own over the same files as they are now, or as given. */
  async copy(files?: ReadonlyMap<string, Buffer>, options: RigOptions = {}): Promise<LogRig> {
    const rig = new LogRig({ config: this.config, ...options });
    rig.#leaderEpoch = this.#leaderEpoch;
    rig.checkpointedStart = this.checkpointedStart;
    await rig.fs.makeDirectory(rig.folder);
    for (const [name, content] of files ?? (await this.snapshot())) await rig.replace(name, content);
    return rig;
  }
}

/** Name of a segment's .log. */
export function logName(baseOffset: number): string {
  return `${String(baseOffset).padStart(20, "0")}.log`;
}

/** A log on a disk of its own. */
export async function openLog(config: Partial<LogConfig> = {}, cacheBytes = 0) {
  const rig = new LogRig({ config, cacheBytes });
  return { rig, log: await rig.open() };
}

/** Names of the .log files. */
export async function logsOf(rig: LogRig): Promise<string[]> {
  return (await rig.names()).filter((name) => name.endsWith(".log"));
}
