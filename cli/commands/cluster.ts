import { Command } from "commander";
import type { BrokerDescription, ClusterDescription } from "../../src/index.ts";
import { ExitCode, Finished } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { colorsFor } from "../output/colors.ts";
import { printResult } from "../output/print.ts";
import { type Column, renderTable } from "../output/table.ts";
import { type Connected, withConnection } from "../connected.ts";

const EXAMPLES = `
Examples:
  millrace cluster info
  millrace cluster info -o json
  millrace cluster health && echo up          exits 0 only when the broker serves`;

const HEALTH_HELP = `
Examples:
  millrace cluster health
  millrace cluster health --service millrace.v1.LogService
  until millrace --timeout 1s cluster health; do sleep 1; done

Exit codes: 0 serving, 4 not serving or not reachable.`;

/** `millrace cluster`: which brokers there are and how they are. */
export function clusterCommand(io: Io): Command {
  const command = new Command("cluster")
    .summary("show the brokers and their health")
    .description("Shows the brokers of the cluster, and whether they serve.")
    .addHelpText("after", EXAMPLES);
  command
    .command("info")
    .description("Shows the cluster's id, its brokers and the version of the one that answered.")
    .addHelpText("after", EXAMPLES)
    .action((_options: unknown, self: Command) =>
      withConnection(io, self, (connected) => info(io, connected)),
    );
  command
    .command("health")
    .description("Asks the first broker that answers whether it serves.")
    .option("--service <name>", "full name of a gRPC service (default: the whole broker)", "")
    .addHelpText("after", HEALTH_HELP)
    .action(({ service }: { service: string }, self: Command) =>
      withConnection(io, self, (connected) => health(io, connected, service)),
    );
  return command;
}

interface BrokerRow extends BrokerDescription {
  readonly isController: boolean;
}

const COLUMNS: readonly Column<BrokerRow>[] = [
  { title: "BROKER", align: "right", value: ({ brokerId }) => String(brokerId) },
  { title: "ENDPOINT", value: ({ endpoint }) => endpoint },
  { title: "ROLE", value: ({ isController }) => (isController ? "controller" : "") },
];

async function info(io: Io, { client, settings }: Connected): Promise<void> {
  const cluster = await client.admin().describeCluster();
  const printer = { stdout: io.stdout, format: settings.output };
  await printResult(printer, cluster, () => clusterText(cluster, io));
}

function clusterText(cluster: ClusterDescription, io: Io): string {
  const { bold } = colorsFor(io.stdout);
  const rows = cluster.brokers.map((broker) => ({
    ...broker,
    isController: broker.brokerId === cluster.controller,
  }));
  const title = `${bold(`cluster ${cluster.clusterId}`)}  version ${cluster.version}\n\n`;
  return title + renderTable(COLUMNS, rows, io.stdout);
}

async function health(io: Io, connected: Connected, service: string): Promise<void> {
  const status = await connected.client.admin().health(service);
  const { green, red } = colorsFor(io.stdout);
  const color = status === "serving" ? green : red;
  const printer = { stdout: io.stdout, format: connected.settings.output };
  await printResult(printer, { service, status }, () => `${color(status)}\n`);
  if (status !== "serving") throw new Finished(ExitCode.unavailable);
}
