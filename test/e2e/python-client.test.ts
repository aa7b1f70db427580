import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, type TestContext } from "vitest";
import { connect } from "../../src/index.ts";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const PROGRAMS = fileURLToPath(new URL("python", import.meta.url));
const README = fileURLToPath(new URL("../../README.md", import.meta.url));
const PACKAGES = ["grpcio", "grpcio-reflection", "protobuf"];
const INSTALL_MS_MAX = 180_000;
const run = promisify(execFile);

/** A Python that has grpcio: the machine's, or one in a folder of its own. A text says why there is none. */
async function findPython(folder: string): Promise<{ python: string } | { missing: string }> {
  const hasGrpc = (python: string) => run(python, ["-c", "import grpc, grpc_reflection.v1alpha"]);
  try {
    await hasGrpc("python3");
    return { python: "python3" };
  } catch {
    // No Python, or one without grpcio: try to get it, without touching the machine's own.
  }
  const python = join(folder, "bin/python3");
  try {
    await run("python3", ["-m", "venv", folder]);
    await run(python, ["-m", "pip", "install", "--quiet", ...PACKAGES], { timeout: INSTALL_MS_MAX });
    await hasGrpc(python);
    return { python };
  } catch (error) {
    return { missing: (error as Error).message.trim().split("\n").at(-1) ?? "" };
  }
}

/** Runs a program of ours in Python against a broker process of its own; skips the test where there is no Python. */
async function withBroker(
  context: TestContext,
  work: (
    python: (program: string, ...words: string[]) => Promise<string[]>,
    broker: BrokerProcess,
  ) => Promise<void>,
): Promise<void> {
  const found = await findPython(await temporaryFolder());
  if ("missing" in found) {
    console.log(`skipped: no Python with grpcio and none could be installed: ${found.missing}`);
    return context.skip("no Python with grpcio");
  }
  const broker = await BrokerProcess.start({ dataDir: await temporaryFolder() });
  try {
    await work(async (program, ...words) => {
      const path = join(PROGRAMS, program);
      const { stdout } = await run(found.python, [path, broker.endpoint, ...words], { timeout: 60_000 });
      return stdout.split("\n").slice(0, -1);
    }, broker);
  } finally {
    expect(await broker.stop()).toBe(0);
  }
}

it("a Python program that knows nothing but grpcio learns the API, appends and reads", async (context) => {
  await withBroker(context, async (python) => {
    const lines = await python("client.py", "rivers");
    expect(lines.slice(0, -1)).toEqual([
      "appended 3 records at offset 0: DURABILITY_DURABLE",
      "0 Elbe 1094 km {'country': 'CZ'}",
      "1 Rhine 1233 km {}",
      "2 Elbe (null) {}",
    ]);
    expect(lines.at(-1)).toMatch(/^NOT_FOUND .*no-such-topic/);
  });
}, 300_000);

it("a Python program of 30 lines reads with a group, and goes on behind its last commit", async (context) => {
  const program = await readFile(join(PROGRAMS, "consume.py"), "utf8");
  expect(program.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
  expect(await readFile(README, "utf8")).toContain(program.slice(program.indexOf("import")));
  await withBroker(context, async (python, broker) => {
    await python("client.py", "rivers");
    const all = ["0 0 1094 km", "0 1 1233 km", "0 2 "];
    expect(await python("consume.py", "readers", "rivers")).toEqual(all);
    expect(await python("consume.py", "readers", "rivers")).toEqual([]);
    const client = await connect({ brokers: broker.endpoint });
    await client.producer().send("rivers", { value: "Weser" });
    await client.close();
    expect(await python("consume.py", "readers", "rivers")).toEqual(["0 3 Weser"]);
    expect(await python("consume.py", "others", "rivers")).toEqual([...all, "0 3 Weser"]);
  });
}, 300_000);
