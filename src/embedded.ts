/// <reference types="node" preserve="true" />
/**
 * The production broker inside a Node process: for tests of programs that use Millrace, and for the server itself.
 */
import { type Logger, silentLogger, systemRandom } from "./base/index.ts";
import { Broker, type BrokerOptions } from "./broker/index.ts";
import { StartError } from "./errors/index.ts";
import { type FileSystem, isMissing, MemoryFileSystem, NodeFileSystem } from "./fs/index.ts";
import { LevelMetadataStore, MemoryMetadataStore } from "./metadata/index.ts";
import { DEFAULT_HOST, ListenError, RpcServer, type RpcServerOptions, tryAddress } from "./rpc/index.ts";
import { LevelIndexStore } from "./stream/index.ts";
import { VERSION } from "./version.ts";

/** How an embedded broker is set up. Exactly one of `memory` and `dataDir` says where records go. */
export interface EmbeddedOptions
  extends Pick<
      RpcServerOptions,
      "host" | "port" | "produceBytesMax" | "connections" | "keepaliveTimeMs" | "keepaliveTimeoutMs"
    >,
    Pick<
      BrokerOptions,
      | "brokerId"
      | "topicDefaults"
      | "partitionCountDefault"
      | "partitionsPerBrokerMax"
      | "cacheBytes"
      | "openFilesMax"
      | "producerExpirationMs"
      | "offsetsRetentionMs"
      | "checkpointIntervalMs"
      | "retentionCheckIntervalMs"
      | "cleanerIntervalMs"
      | "cleanerTimeShareMax"
      | "cleanerMemoryBytes"
    > {
  /** True keeps everything in memory, gone with the broker. */
  readonly memory?: true;
  /** Folder for the data, created if missing; one broker at a time. */
  readonly dataDir?: string;
  /** Endpoint that clients are told, "host:port". Default: where it listens. */
  readonly advertise?: string;
  /** Who opens the data folder, told to a second process that tries. */
  readonly holder?: string;
  /** Default: logs nothing. */
  readonly logger?: Logger;
}

/** A broker that runs in this process. */
export interface EmbeddedBroker {
  /** Where it listens, "host:port". */
  readonly endpoint: string;
  readonly port: number;
  /** The broker itself, for calls without a network. */
  readonly broker: Broker;
  /** Finishes what was begun, for at most `graceMs` (default 5,000), flushes and stops. */
  close(graceMs?: number): Promise<void>;
}

/**
 * Starts the production engine in this process, reachable over gRPC on a free loopback port unless told otherwise.
 * Throws StartError if the folder or the address cannot be used.
 */
export async function startBroker(options: EmbeddedOptions): Promise<EmbeddedBroker> {
  const storage = storageOf(options);
  const isNew = options.dataDir !== undefined && !(await isThere(storage.fs, options.dataDir));
  if (isNew) await requireAddress(options);
  const broker = await Broker.open({ ...options, ...storage });
  const server = await listen(broker, options);
  broker.advertise(options.advertise ?? server.endpoint);
  return {
    endpoint: server.endpoint,
    port: server.port,
    broker,
    close: async (graceMs = 5_000) => {
      await server.drain(graceMs);
      await broker.close();
    },
  };
}

/** Serves the broker, which is closed if that cannot be. */
async function listen(broker: Broker, options: EmbeddedOptions): Promise<RpcServer> {
  try {
    return await RpcServer.start(broker, { ...options, port: options.port ?? 0, version: VERSION });
  } catch (error) {
    await broker.close();
    throw startFailure(error);
  }
}

/**
 * Before a new data folder is made: an address that cannot be used leaves nothing behind. Where there is a folder it is
 * opened first, since who holds it tells more than that the port is taken.
 */
async function requireAddress({ host = DEFAULT_HOST, port = 0 }: EmbeddedOptions): Promise<void> {
  await tryAddress(host, port).catch((error: unknown) => {
    throw startFailure(error);
  });
}

/** Whether there is something, if not a folder: opening tells what is wrong with it. */
async function isThere(fs: FileSystem, folder: string): Promise<boolean> {
  try {
    await fs.list(folder);
    return true;
  } catch (error) {
    return !isMissing(error);
  }
}

function storageOf({
  memory,
  dataDir,
  logger = silentLogger,
}: EmbeddedOptions): Pick<BrokerOptions, "fs" | "metadata" | "streamStore" | "dataDir"> {
  if ((memory === true) === (dataDir !== undefined)) {
    throw new TypeError("startBroker needs either { memory: true } or { dataDir }");
  }
  if (dataDir === undefined) {
    return { fs: new MemoryFileSystem(), metadata: new MemoryMetadataStore(systemRandom), dataDir: "/data" };
  }
  const metadata = new LevelMetadataStore({ path: `${dataDir}/metadata`, random: systemRandom });
  const fs = new NodeFileSystem();
  const streamStore = new LevelIndexStore({ path: `${dataDir}/stream-index`, fs, logger });
  return { fs, metadata, streamStore, dataDir };
}

function startFailure(error: unknown): unknown {
  if (!(error instanceof ListenError)) return error;
  const reason = error.code === "EADDRINUSE" ? "ADDRESS_IN_USE" : "ADDRESS_UNUSABLE";
  return new StartError(reason, error.message, error);
}
