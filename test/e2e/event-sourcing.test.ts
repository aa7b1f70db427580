import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { connect } from "../../src/index.ts";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

it("the README's event-sourced program is the example, and prints what the README says", async () => {
  const readme = await readFile(`${ROOT}/README.md`, "utf8");
  const example = await readFile(`${ROOT}/examples/withdraw.ts`, "utf8");
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);

  const broker = await BrokerProcess.start({ dataDir: await temporaryFolder() });
  try {
    const client = await connect({ brokers: broker.endpoint });
    const configs = { "stream.index": "true", "retention.ms": "-1" };
    await client.admin().createTopic({ name: "accounts", partitionCount: 3, configs });
    const event = (type: string, cents: number) => ({ type, value: JSON.stringify({ cents }) });
    const deposited = [event("Deposited", 10_000)];
    expect(await client.streams("accounts").append("ada", deposited)).toMatchObject({ partition: 2 });
    await client.streams("accounts").append("ada", [event("Withdrawn", 2_500)]);
    const built = await readFile(`${ROOT}/dist/examples/withdraw.js`, "utf8");
    const program = `${ROOT}/dist/examples/withdraw-${broker.port}.js`;
    await writeFile(program, built.replace("127.0.0.1:7171", broker.endpoint));
    const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 60_000 });
    expect(readme).toContain(`\`\`\`\n${stdout}\`\`\``);
    expect(await client.streams("accounts").info("ada")).toMatchObject({ lastRevision: 3 });
    await client.close();
  } finally {
    await broker.stop();
  }
});
