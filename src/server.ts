/** A broker as a process of its own: settings, log and signals around the embedded broker. */
import { hostname } from "node:os";
import { pino } from "pino";
import type { ServerConfig } from "./config.ts";
import { type EmbeddedBroker, startBroker } from "./embedded.ts";
import { connectionLimits } from "./rpc/index.ts";

/** A broker process that serves. */
export interface RunningServer {
  readonly endpoint: string;
  /** Resolves when a signal has ended service and everything is flushed. */
  readonly stopped: Promise<void>;
}

/** Starts a broker that ends with SIGTERM or SIGINT. Logs go to stderr as JSON lines. Throws StartError. */
export async function serve(config: ServerConfig): Promise<RunningServer> {
  const logger = pino(
    { level: config.logLevel, base: { pid: process.pid } },
    pino.destination({ fd: 2, sync: true }),
  );
  const broker = await startBroker({
    dataDir: config.data,
    host: config.host,
    port: config.port,
    brokerId: config.brokerId,
    holder: `process ${process.pid} on ${hostname()}`,
    topicDefaults: config.topicDefaults,
    partitionCountDefault: config.partitions,
    partitionsPerBrokerMax: config.partitionsMax,
    cacheBytes: config.cacheBytes,
    produceBytesMax: config.produceBytesMax,
    openFilesMax: config.openFilesMax,
    producerExpirationMs: config.producerExpirationMs,
    keepaliveTimeMs: config.keepaliveTimeMs,
    keepaliveTimeoutMs: config.keepaliveTimeoutMs,
    connections: connectionLimits(config.connectionsMax, config.connectionsPerIpMax),
    logger,
    ...(config.offsetsRetentionMs === undefined ? {} : { offsetsRetentionMs: config.offsetsRetentionMs }),
    ...(config.advertise === undefined ? {} : { advertise: config.advertise }),
  });
  logger.info({ endpoint: broker.endpoint, dataDir: config.data }, "serving");
  return { endpoint: broker.endpoint, stopped: stopOnSignal(broker, config.drainMs, logger) };
}

/** The first signal drains; a second one, or a failure to stop, ends the process at once with status 1. */
function stopOnSignal(broker: EmbeddedBroker, drainMs: number, logger: pino.Logger): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (isStopping) {
        logger.warn({ signal }, "second signal: stopping at once");
        process.exit(1);
      }
      isStopping = true;
      logger.info({ signal }, "draining");
      broker.close(drainMs).then(() => {
        logger.info({}, "stopped");
        resolve();
      }, reject);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}
