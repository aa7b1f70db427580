import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { startBroker } from "../../src/embedded.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { runCli } from "./run-cli.ts";
import { broker, cli, createTopic, shareBroker, words } from "./shared-broker.ts";

shareBroker();

describe("what is refused", () => {
  it("is told with the value, what is allowed and the reason, and sorted by exit code", async () => {
    await createTopic("known");
    const cases: [string, number, RegExp][] = [
      ["topc", 2, /unknown command 'topc'[\s\S]*Did you mean topic\?/],
      ["topic", 2, /Usage: millrace topic/],
      ["topc --help", 2, /unknown command 'topc'[\s\S]*Did you mean topic\?/],
      ["topic creat x --help", 2, /unknown command 'creat'[\s\S]*Did you mean create\?/],
      ["topic create", 2, /missing required argument 'topic'/],
      ["topic create a b", 2, /too many arguments/],
      ["topic create a --partitions 0", 2, /Allowed is a whole number from 1 to 10000/],
      ["topic create a -c retention", 2, /Allowed is "name=value"/],
      ["topic create a/b", 1, /"a\/b".*1 to 249 .*\[INVALID_REQUEST\]/],
      ["topic create a -c retention.ms=soon", 1, /retention\.ms="soon".*whole number.*\[INVALID_CONFIG\]/],
      ["topic create a -c retension.ms=1", 1, /did you mean retention\.ms\?.*\[INVALID_CONFIG\]/],
      ["topic describe knows", 3, /"knows".*did you mean known.*\[TOPIC_NOT_FOUND\]/],
      ["topic alter known", 2, /nothing to change; give --set/],
      ["topic alter known --set a=1 --reset b,a", 2, /"a" is in --set and in --reset; give one of them/],
      ["topic delete nope -y", 3, /there is no topic "nope"; nothing was deleted.*\[TOPIC_NOT_FOUND\]/],
      ["topic delete knwn a/b -y", 1, /"a\/b".*\[INVALID_REQUEST\]/],
      ["topic trim known -p 7 --all -y", 3, /\[PARTITION_NOT_FOUND\]/],
      ["topic trim known -p 0 -y", 2, /give --before OFFSET, or --all/],
      ["topic trim known -p 0 --all --before 1 -y", 2, /cannot be used with/],
      ["produce nowhere", 3, /\[TOPIC_NOT_FOUND\]/],
      ["produce known --format xml", 2, /Allowed choices are line, json/],
      ["produce known --format json -k :", 2, /are for lines/],
      ["produce known --file /nowhere", 3, /there is no file \/nowhere/],
      ["consume known --from yesterday", 2, /Allowed are "start", "end"/],
      ["consume known -f %z", 2, /"%z" is not known; allowed are/],
      ["consume known -f %v -o json", 2, /--format prints text/],
      ["consume known -p 0,0", 2, /Name each partition once/],
      ["consume known -p 4 -e", 3, /\[PARTITION_NOT_FOUND\]/],
      ["consume known --from 5 -n 1", 1, /offset 5 .*\[OFFSET_OUT_OF_RANGE\]/],
      ["topic list -o xml", 2, /Allowed choices are table, json, yaml/],
      ["topic list --timeout soon", 2, /Allowed is a duration.*or milliseconds without a unit/],
      ["topic list --context nowhere", 3, /there is no context "nowhere"/],
    ];
    for (const [args, exitCode, text] of cases) {
      const result = await cli(args);
      expect({ args, exitCode: result.exitCode }).toEqual({ args, exitCode });
      expect(result.stderr, args).toMatch(text);
      expect(result.stdout, args).toBe("");
    }
  });

  it("is wrong usage where the endpoint is none, and unavailable where nobody listens", async () => {
    const wrong = await runCli(["topic", "list", "--broker", "http://here"]);
    expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('"host:port"') });
    for (const args of [
      ["topic", "list"],
      ["cluster", "health"],
      ["bench", "produce"],
    ]) {
      const nobody = await runCli([...args, "--broker", "127.0.0.1:1", "--timeout", "5s"]);
      expect(nobody).toMatchObject({
        exitCode: 4,
        stdout: "",
        stderr: expect.stringContaining("[DISCONNECTED]"),
      });
    }
  });

  it("is an answer that did not come in time, told without the words of the transport", async () => {
    const silent = createServer((socket) => socket.resume().on("error", () => {}));
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const endpoint = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    try {
      expect(await runCli(["topic", "list", "--broker", endpoint, "--timeout", "200"])).toEqual({
        exitCode: 4,
        stdout: "",
        stderr: `error: no answer from ${endpoint} within 200 ms; --timeout allows more [DEADLINE_EXCEEDED]\n`,
      });
    } finally {
      silent.close();
    }
    for (const help of ["--help", "topic list --help"])
      expect((await cli(help)).stdout).toMatch(/--timeout <duration> [^-]*milliseconds\s+without\s+a\s+unit/);
  });

  it("is a list of topics to delete of which one does not exist: then none is deleted", async () => {
    await createTopic("kept");
    const result = await cli("topic delete kept kpt kept missing -y");
    expect(result).toMatchObject({ exitCode: 3, stdout: "" });
    expect(result.stderr).toBe(
      'error: there is no topic "kpt" (did you mean kept?), no topic "missing"; nothing was deleted ' +
        "(`millrace topic list` shows what there is) [TOPIC_NOT_FOUND]\n",
    );
    expect((await cli("topic describe kept")).exitCode).toBe(0);
    expect(await cli("topic delete kept kept -y")).toMatchObject({
      exitCode: 0,
      stderr: 'deleted topic "kept"\n',
    });
  });

  it("is told with its causes if asked", async () => {
    const result = await cli("topic describe nowhere -v");
    expect(result.stderr).toMatch(/\[TOPIC_NOT_FOUND\]\nMillraceError: /);
  });
});

describe("a stdout that takes nothing", () => {
  it("is told in one line, and is a failure", async () => {
    await createTopic("unprinted");
    await cli("produce unprinted", { stdin: "a\n" });
    const failures: [string, RegExp][] = [
      ["ENOSPC", /^error: cannot write to stdout: no space is left on the disk; make some \[ENOSPC\]\n$/],
      ["EIO", /^error: cannot write to stdout: the system refused \[EIO\]\n$/],
    ];
    for (const [code, text] of failures) {
      const stdoutFailsWith = Object.assign(new Error("EIO: i/o error"), { code });
      for (const args of ["version", "topic list -o json", "consume unprinted", "topic --help"]) {
        const result = await cli(args, { stdoutFailsWith });
        expect(result.stderr, args).toMatch(text);
        expect(result.exitCode, args).toBe(1);
      }
      const worse = await cli("consume unprinted nowhere", { stdoutFailsWith });
      expect(worse).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("[TOPIC_NOT_FOUND]") });
    }
  });
});

describe("partitions that cannot be read", () => {
  it("are told by consume in a line each, with -e after the records of the others", async () => {
    const dataDir = await temporaryFolder();
    const first = await startBroker({ dataDir });
    const at = (endpoint: string, args: string, stdin = "") =>
      runCli([...words(args), "--broker", endpoint], { stdin });
    await at(first.endpoint, "topic create torn --partitions 4");
    for (const each of [0, 1, 2, 3]) await at(first.endpoint, `produce torn -p ${each}`, `v${each}\n`);
    await first.close();
    for (const lost of ["torn-0", "torn-2"]) await rm(join(dataDir, "partitions", lost), { recursive: true });
    const again = await startBroker({ dataDir });
    try {
      const lines = [0, 2].map((lost) =>
        expect.stringMatching(new RegExp(`^error: .*torn-${lost}.*\\[LOG_CORRUPT\\]$`)),
      );
      const toTheEnd = await at(again.endpoint, "consume torn -e");
      expect(words(toTheEnd.stdout).sort()).toEqual(["v1", "v3"]);
      const forEver = await at(again.endpoint, "consume torn");
      for (const { exitCode, stderr } of [toTheEnd, forEver]) {
        expect(exitCode).toBe(1);
        expect(stderr.trimEnd().split("\n")).toEqual(lines);
      }
      const { stderr } = await at(again.endpoint, "consume torn -e -v");
      expect(stderr.match(/^MillraceError: /gm)).toHaveLength(2);
    } finally {
      await again.close();
    }
  });
});

describe("start", () => {
  it("leaves no new data folder behind where it cannot listen", async () => {
    const dataDir = join(await temporaryFolder(), "parent", "data");
    const refused = async (address: string) => {
      const result = await runCli(["start", "--data", dataDir, ...words(address)]);
      expect(existsSync(dirname(dataDir))).toBe(false);
      return result;
    };
    expect(await refused(`--port ${broker.port}`)).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(/^error: cannot listen on .*--port.*\[ADDRESS_IN_USE\]\n$/),
    });
    expect(await refused("--port 0 --host 192.0.2.1")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("[ADDRESS_UNUSABLE]"),
    });
    const free = await startBroker({ dataDir });
    const again = await runCli(["start", "--data", dataDir, "--port", String(free.port)]);
    expect(again.stderr).toContain("[DATA_FOLDER_LOCKED]");
    await free.close();
  });
});
