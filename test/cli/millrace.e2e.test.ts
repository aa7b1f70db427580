import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { BrokerProcess, MILLRACE } from "../support/broker-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** The built command in a process of its own. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [MILLRACE, ...args], { env: { ...process.env, ...env } });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr, [code, signal]]) => ({ exitCode: (code ?? signal) as number | string, stdout, stderr }),
  );
  return { child, ended };
}

async function millrace(args: readonly string[], env: Readonly<Record<string, string>>, stdin = "") {
  const { child, ended } = start(args, env);
  child.stdin.end(stdin);
  return ended;
}

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
    const piped = start(["consume", "orders"], env);
    await once(piped.child.stdout, "readable");
    piped.child.stdout.destroy();
    const [code] = await once(piped.child, "exit");
    expect(code).toBe(0);

    const followed = start(["consume", "orders", "--from", "end", "-p", "0"], env);
    await millrace(["produce", "orders", "-p", "0"], env, "late\n");
    await once(followed.child.stdout, "readable");
    followed.child.kill("SIGINT");
    expect(await followed.ended).toMatchObject({ exitCode: 0, stdout: "late\n" });

    const held = start(["produce", "orders", "-p", "0"], env);
    held.child.stdin.write("one\ntwo\n");
    while (
      !(await millrace(["consume", "orders", "-p", "0", "--from", "-1", "-e", "-q"], env)).stdout.includes(
        "two",
      )
    ) {}
    held.child.kill("SIGINT");
    const interrupted = await held.ended;
    expect(interrupted.exitCode).toBe(130);
    expect(interrupted.stderr).toContain("2 records acknowledged as durable");
  } finally {
    await broker.stop();
  }
  const gone = await millrace(["cluster", "health", "--timeout", "2s"], env);
  expect(gone).toMatchObject({ exitCode: 4, stdout: "" });
  const verified = await millrace(["log", "verify", data], env);
  expect(verified).toMatchObject({ exitCode: 0, stdout: "" });
  expect(verified.stderr).toContain("3 partitions");
});
