import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { BrokerProcess } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const CLIENT = fileURLToPath(new URL("python/client.py", import.meta.url));
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

it("a Python program that knows nothing but grpcio learns the API, appends and reads", async (context) => {
  const found = await findPython(await temporaryFolder());
  if ("missing" in found) {
    console.log(`skipped: no Python with grpcio and none could be installed: ${found.missing}`);
    return context.skip("no Python with grpcio");
  }
  const broker = await BrokerProcess.start({ dataDir: await temporaryFolder() });
  try {
    const { stdout } = await run(found.python, [CLIENT, broker.endpoint, "rivers"], { timeout: 60_000 });
    const lines = stdout.trim().split("\n");
    expect(lines.slice(0, -1)).toEqual([
      "appended 3 records at offset 0: DURABILITY_DURABLE",
      "0 Elbe 1094 km {'country': 'CZ'}",
      "1 Rhine 1233 km {}",
      "2 Elbe (null) {}",
    ]);
    expect(lines.at(-1)).toMatch(/^NOT_FOUND .*no-such-topic/);
  } finally {
    expect(await broker.stop()).toBe(0);
  }
}, 300_000);
