import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { BrokerProcess, MILLRACE } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** The built command in a process of its own. */
class Millrace {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = "";
  stderr = "";
  readonly exited: Promise<number | string>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [MILLRACE, ...args], { env: { ...process.env, ...env } });
    onTestFinished(() => void this.child.kill("SIGKILL"));
    this.child.stdout.on("data", (chunk: Buffer) => (this.stdout += chunk));
    this.child.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk));
    this.exited = once(this.child, "close").then(([code, signal]) => (code ?? signal) as number | string);
  }

  /** Resolves once stdout holds the text. */
  async printed(text: string): Promise<void> {
    while (!this.stdout.includes(text)) await once(this.child.stdout, "data");
  }
}

async function millrace(args: readonly string[], env: Readonly<Record<string, string>>, stdin = "") {
  const command = new Millrace(args, env);
  command.child.stdin.end(stdin);
  const exitCode = await command.exited;
  return { exitCode, stdout: command.stdout, stderr: command.stderr };
}

it.skipIf(!existsSync("/dev/full"))("tells in one line that stdout is full", () => {
  for (const args of [["--help"], ["version", "-o", "yaml"], ["completion", "bash"]]) {
    const full = openSync("/dev/full", "w");
    onTestFinished(() => closeSync(full));
    const { status, stderr } = spawnSync(process.execPath, [MILLRACE, ...args], {
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    });
    expect({ args, status, stderr }).toEqual({
      args,
      status: 1,
      stderr: "error: cannot write to stdout: no space is left on the disk; make some [ENOSPC]\n",
    });
  }
});

it("serves, moves and shows records as processes that are piped and interrupted", async () => {
  const folder = await temporaryFolder();
  const data = join(folder, "data");
  const broker = await BrokerProcess.start({ dataDir: data });
  const env = { MILLRACE_BROKER: broker.endpoint, XDG_CONFIG_HOME: folder };
  try {
    expect(await millrace(["topic", "create", "orders", "-p", "3"], env)).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    const lines = Array.from({ length: 300_000 }, (_, number) => `record ${number}`);
    await writeFile(join(folder, "lines.txt"), lines.join("\n"));
    const produced = await millrace(["produce", "orders", "--file", join(folder, "lines.txt")], env);
    expect(produced).toMatchObject({ exitCode: 0, stdout: "" });
    expect(produced.stderr).toMatch(/^300,000 records acknowledged as durable: /);

    const consumed = await millrace(["consume", "orders", "-e", "-q"], env);
    expect(consumed.stdout.trimEnd().split("\n").sort()).toEqual(lines.sort());

    // A reader that goes away after its first piece, as head does.
    const piped = new Millrace(["consume", "orders"], env);
    await piped.printed("record");
    piped.child.stdout.destroy();
    expect(await piped.exited).toBe(0);
    expect(piped.stderr).toBe("");

    const followed = new Millrace(["consume", "orders", "--from", "-1", "-p", "0"], env);
    await followed.printed("record");
    await millrace(["produce", "orders", "-p", "0"], env, "late\n");
    await followed.printed("late\n");
    followed.child.kill("SIGINT");
    expect(await followed.exited).toBe(0);
    expect(followed.stderr).toMatch(/^2 records: /);

    const held = new Millrace(["produce", "orders", "-p", "0"], env);
    held.child.stdin.write("one\ntwo\n");
    const reading = new Millrace(["consume", "orders", "-p", "0", "--from", "-1", "-n", "1000000"], env);
    await reading.printed("two\n");
    held.child.kill("SIGINT");
    expect(await held.exited).toBe(130);
    expect(held.stderr).toContain("2 records acknowledged as durable");
    reading.child.kill("SIGTERM");
    expect(await reading.exited).toBe(143);
  } finally {
    await broker.stop();
  }
  const gone = await millrace(["cluster", "health", "--timeout", "2s"], env);
  expect(gone).toMatchObject({ exitCode: 4, stdout: "" });
  const verified = await millrace(["log", "verify", data], env);
  expect(verified).toMatchObject({ exitCode: 0, stdout: "" });
  expect(verified.stderr).toContain("3 partitions");
});
