import { afterAll, beforeAll, expect } from "vitest";
import { type EmbeddedBroker, startBroker } from "../../src/embedded.ts";
import { type CliOptions, type CliResult, runCli } from "./run-cli.ts";

/** The broker that the tests of a file share. */
export let broker: EmbeddedBroker;

/** Starts the broker before the tests of the file that calls this, and stops it after them. */
export function shareBroker(): void {
  beforeAll(async () => {
    broker = await startBroker({ memory: true });
  });
  afterAll(() => broker.close());
}

/** Runs a command line, given as one text, against the shared broker. */
export function cli(args: string, options?: CliOptions): Promise<CliResult> {
  return runCli([...words(args), "--broker", broker.endpoint], options);
}

/** Words as a shell would cut them, with single quotes for those that hold spaces. */
export function words(text: string): string[] {
  return [...text.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

/** Creates a topic of the shared broker. */
export async function createTopic(name: string, partitions = 1): Promise<void> {
  const result = await cli(`topic create ${name} --partitions ${partitions}`);
  expect(result.exitCode, result.stderr).toBe(0);
}
