import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { connect } from "../../src/index.ts";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

it("the README's member of a group is the example, works on what comes, and leaves with it committed", async () => {
  const readme = await readFile(`${ROOT}/README.md`, "utf8");
  const example = await readFile(`${ROOT}/examples/billing.ts`, "utf8");
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);

  const broker = await BrokerProcess.start({ dataDir: await temporaryFolder() });
  let member: ChildProcess | undefined;
  try {
    const client = await connect({ brokers: broker.endpoint });
    await client.admin().createTopic({ name: "orders", partitionCount: 1 });
    const built = await readFile(`${ROOT}/dist/examples/billing.js`, "utf8");
    const program = `${ROOT}/dist/examples/billing-${broker.port}.js`;
    await writeFile(program, built.replace("127.0.0.1:7171", broker.endpoint));
    member = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(member, "exit");
    const producer = client.producer();
    for (const value of ["one", "two", "three"]) await producer.send("orders", { key: "k", value });
    let printed = "";
    for await (const chunk of member.stdout!) {
      printed += String(chunk);
      if (printed.includes("three")) break;
    }
    expect(printed).toBe("0/0 k: one\n0/1 k: two\n0/2 k: three\n");
    member.kill("SIGINT");
    expect(await exited).toEqual([0, null]);
    const { memberCount, partitions } = await client.admin().describeGroup("billing");
    expect([memberCount, partitions[0]?.committed?.offset]).toEqual([0, 3]);
    await client.close();
  } finally {
    member?.kill("SIGKILL");
    await broker.stop();
  }
});
