import { describe, expect, it } from "vitest";
import { contextFilePath, readContexts, writeContexts } from "../../cli/settings/context-file.ts";
import { seededRandom } from "../../src/base/index.ts";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { runCli } from "./run-cli.ts";

const FILE = "/home/.config/millrace/config.yaml";

async function fileSystemWith(text: string): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  await fs.makeDirectory("/home/.config/millrace");
  const file = await fs.open(FILE, "create");
  await file.write([Buffer.from(text)], 0);
  await file.close();
  return fs;
}

describe("contexts", () => {
  it("are added, listed, chosen and removed", async () => {
    const fs = new MemoryFileSystem();
    const cli = (...args: string[]) => runCli(["context", ...args], { fs });
    expect(await cli("add", "here", "--broker", "127.0.0.1:1", "--timeout", "5s")).toMatchObject({
      exitCode: 0,
    });
    expect(await cli("add", "there", "--broker", "b:1,c:2", "--use", "-o", "json")).toMatchObject({
      exitCode: 0,
    });
    expect((await fs.readFile(FILE, 1_000)).toString()).toBe(
      "current: there\ncontexts:\n  here:\n    broker: 127.0.0.1:1\n    timeout: 5000ms\n" +
        "  there:\n    broker: b:1,c:2\n    output: json\n",
    );
    expect(JSON.parse((await cli("list")).stdout)).toEqual([
      { name: "here", isCurrent: false, broker: "127.0.0.1:1", timeout: "5000ms" },
      { name: "there", isCurrent: true, broker: "b:1,c:2", output: "json" },
    ]);
    expect(await cli("use", "here")).toMatchObject({ exitCode: 0 });
    expect((await cli("list")).stdout.split("\n")[1]).toMatch(/^\* {2}here /);
    expect(await cli("remove", "here")).toMatchObject({ exitCode: 0 });
    expect(await readContexts(fs, FILE)).toEqual({
      current: undefined,
      contexts: { there: { broker: "b:1,c:2", output: "json" } },
    });
  });

  it("are refused with what is allowed", async () => {
    const fs = new MemoryFileSystem();
    const cli = (...args: string[]) => runCli(["context", ...args], { fs });
    await cli("add", "here", "--broker", "127.0.0.1:1");
    expect(await cli("add", "here", "--broker", "127.0.0.1:2")).toMatchObject({
      exitCode: 1,
      stderr: 'error: context "here" exists; add --replace to replace it\n',
    });
    expect(await cli("add", "here", "--broker", "127.0.0.1:2", "--replace")).toMatchObject({ exitCode: 0 });
    expect(await cli("add", "x")).toMatchObject({ exitCode: 2 });
    expect(await cli("add", "a b", "--broker", "b:1")).toMatchObject({ exitCode: 2 });
    expect(await cli("use", "nowhere")).toMatchObject({
      exitCode: 3,
      stderr: 'error: there is no context "nowhere"; known: here\n',
    });
    expect(await cli("remove", "nowhere")).toMatchObject({ exitCode: 3 });
  });

  it("give way to the environment, and both to flags", async () => {
    const fs = await fileSystemWith(
      "current: a\ncontexts:\n  a: { broker: '127.0.0.1:1', timeout: 2s }\n  b: { broker: '127.0.0.1:2' }\n",
    );
    const asked = async (args: string[], env: Record<string, string> = {}) => {
      const before = { ...process.env };
      Object.assign(process.env, env);
      try {
        const { exitCode, stderr } = await runCli(["cluster", "info", ...args], { fs });
        expect(exitCode).toBe(4);
        return /127\.0\.0\.1:(\d)/.exec(stderr)?.[1];
      } finally {
        process.env = before;
      }
    };
    expect(await asked([])).toBe("1");
    expect(await asked(["--context", "b"])).toBe("2");
    expect(await asked([], { MILLRACE_CONTEXT: "b" })).toBe("2");
    expect(await asked([], { MILLRACE_BROKER: "127.0.0.1:3" })).toBe("3");
    expect(await asked(["--broker", "127.0.0.1:4"], { MILLRACE_BROKER: "127.0.0.1:3" })).toBe("4");
  });

  it("lie where the environment puts them", () => {
    expect(contextFilePath({ HOME: "/h" })).toBe("/h/.config/millrace/config.yaml");
    expect(contextFilePath({ HOME: "/h", XDG_CONFIG_HOME: "/x" })).toBe("/x/millrace/config.yaml");
    expect(contextFilePath({ HOME: "/h", XDG_CONFIG_HOME: "relative" })).toBe(
      "/h/.config/millrace/config.yaml",
    );
  });

  it("in a file that is wrong are refused by the name of what is wrong", async () => {
    const wrong: Record<string, string> = {
      "[1]": "the document must be a mapping",
      "contexts: { a: { brokers: b } }":
        '"contexts.a.brokers" is not known; known are broker, timeout, output',
      "contexts: { a: {} }": '"contexts.a.broker" is missing',
      "contexts: { a: { broker: b, output: xml } }":
        '"contexts.a.output" is "xml"; allowed are table, json, yaml',
      "contexts: { a: { broker: [b] } }": '"contexts.a.broker" must be text',
      "current: b": '"current" is "b", and there is no such context',
      "contexts: { 'a b': { broker: b } }": '"a b" is no context name',
      "contexts: { a: { broker: b }, a: { broker: c } }": "unique",
      "current: a\ncontexts: { a: { broker: b, timeout: soon } }": 'timeout "soon" is wrong',
    };
    for (const [text, problem] of Object.entries(wrong)) {
      const { exitCode, stderr } = await runCli(["topic", "list"], { fs: await fileSystemWith(text) });
      expect({ text, exitCode }).toEqual({ text, exitCode: 2 });
      expect(stderr).toContain(problem);
    }
    const empty = await readContexts(await fileSystemWith(""), FILE);
    expect(empty).toEqual({ current: undefined, contexts: {} });
  });

  it("survive every failure of the disk and every loss of power, old or new", async () => {
    const before = { current: "a", contexts: { a: { broker: "b:1" } } };
    const after = { current: undefined, contexts: { c: { broker: "d:2" } } };
    const dryRun = new FaultPlan();
    await writeContexts(new FaultyFileSystem(new MemoryFileSystem(), dryRun), FILE, after, "1");
    for (let number = 0; number <= dryRun.operations.length; number++) {
      for (const fault of [
        { action: "fail", code: "EIO" },
        { action: "tear", bytes: 1, code: "ENOSPC" },
        { action: "lose-power" },
        { action: "lose-power", effect: "after" },
      ] as const) {
        const disk = new MemoryFileSystem({ crashModel: true });
        await disk.makeDirectory("/home/.config/millrace");
        for (const folder of ["/", "/home", "/home/.config"]) await disk.syncDirectory(folder);
        await writeContexts(disk, FILE, before, "0");
        const faulty = new FaultyFileSystem(disk, new FaultPlan().at(number, fault));
        const isDone = await writeContexts(faulty, FILE, after, "1").then(
          () => true,
          () => false,
        );
        for (let seed = 0; seed < 10; seed++) {
          const found = await readContexts(disk.crash(seededRandom(seed)), FILE);
          if (isDone) expect(found).toEqual(after);
          else expect([before, after]).toContainEqual(found);
        }
      }
    }
  });
});
