import { describe, expect, it } from "vitest";
import type { EndSignal } from "../../cli/io.ts";
import type { GroupReport } from "../../cli/output/group-tables.ts";
import type { CliOptions, CliResult } from "./run-cli.ts";
import { cli, createTopic, shareBroker } from "./shared-broker.ts";

shareBroker();

/** Lines "from" to "to" − 1, as records of a partition. */
async function produce(topic: string, from: number, to: number, partition = 0): Promise<void> {
  const lines = Array.from({ length: to - from }, (_, index) => `${from + index}\n`);
  const produced = await cli(`produce ${topic} -p ${partition} -q`, { stdin: lines.join("") });
  expect(produced.exitCode, produced.stderr).toBe(0);
}

async function report(group: string): Promise<GroupReport> {
  return JSON.parse((await cli(`group describe ${group} -o json`)).stdout) as GroupReport;
}

/** Committed offsets by partition, in order. */
async function committed(group: string): Promise<(number | undefined)[]> {
  return (await report(group)).partitions.map((partition) => partition.committed?.offset);
}

function numbers(stdout: string): number[] {
  return stdout
    .split("\n")
    .slice(0, -1)
    .map(Number)
    .sort((one, other) => one - other);
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

/** Runs until stdout says so, then sends the signal. */
function until(args: string, isReached: (stdout: string) => boolean, signal: EndSignal) {
  let send: ((signal: EndSignal) => void) | undefined;
  const options: CliOptions = {
    onListening: (found) => {
      send = found;
    },
    onStdout: (text) => {
      if (isReached(text)) send?.(signal);
    },
  };
  return cli(args, options);
}

describe("consume as a member of a group", () => {
  it("goes on where the group has got to, and commits what it printed", async () => {
    await createTopic("work", 2);
    for (const partition of [0, 1]) await produce("work", partition * 100, partition * 100 + 50, partition);
    const first = await cli("consume work -g a -e");
    expect(first.exitCode, first.stderr).toBe(0);
    expect(numbers(first.stdout)).toEqual([...range(0, 50), ...range(100, 150)]);
    expect(first.stderr).toMatch(/^assigned: work 0-1\ngiven up: work 0-1\n100 records: /);
    expect(await report("a")).toMatchObject({ state: "empty", lag: 0, memberCount: 0 });
    await produce("work", 50, 60);
    expect(numbers((await cli("consume work -g a -e -q")).stdout)).toEqual(range(50, 60));
    expect(await cli("consume work -g a -e -q")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await committed("a")).toEqual([60, 50]);
  });

  it("ends with -n in the midst of a batch, and commits no more than it printed", async () => {
    await createTopic("cut");
    await produce("cut", 0, 40);
    expect(numbers((await cli("consume cut -g c -n 7 -q")).stdout)).toEqual(range(0, 7));
    expect(await committed("c")).toEqual([7]);
    expect(numbers((await cli("consume cut -g c -n 33 -q")).stdout)).toEqual(range(7, 40));
    expect(await committed("c")).toEqual([40]);
  });

  it("begins at the end where it is told to, and loses nothing after that", async () => {
    await createTopic("late");
    await produce("late", 0, 5);
    expect((await cli("consume late -g l --from end -e -q")).stdout).toBe("");
    await produce("late", 5, 9);
    expect(numbers((await cli("consume late -g l --from start -e -q")).stdout)).toEqual(range(5, 9));
  });

  it("drains and commits at Ctrl-C", async () => {
    await createTopic("stopped");
    await produce("stopped", 0, 20);
    const stopped = await until("consume stopped -g s", (text) => numbers(text).length === 20, "SIGINT");
    expect(stopped.exitCode, stopped.stderr).toBe(0);
    expect(await committed("s")).toEqual([20]);
    await produce("stopped", 20, 30);
    const ended = await until(
      "consume stopped -g s -n 99 -q",
      (text) => numbers(text).length === 10,
      "SIGINT",
    );
    expect(ended.exitCode).toBe(130);
    expect(numbers(ended.stdout)).toEqual(range(20, 30));
    expect(await committed("s")).toEqual([30]);
    const killed = until("consume stopped -g s -q", (text) => numbers(text).length === 1, "SIGTERM");
    await produce("stopped", 30, 31);
    expect((await killed).exitCode).toBe(143);
    expect(await report("s")).toMatchObject({ memberCount: 0, lag: 0 });
  });

  it("commits nothing that a reader who went away has not taken", async () => {
    await createTopic("broken");
    await produce("broken", 0, 30);
    const broken = await cli("consume broken -g b", { stdoutClosesAfter: 10 });
    expect(broken).toMatchObject({ exitCode: 0, stdout: "" });
    expect((await cli("consume broken -g b -e -q")).stdout.split("\n")).toHaveLength(31);
  });

  it("shares partitions with another, and has nothing to wait for where others have them all", async () => {
    await createTopic("one", 1);
    await produce("one", 0, 3);
    let send: ((signal: EndSignal) => void) | undefined;
    let second: ReturnType<typeof cli> | undefined;
    const first = cli("consume one -g o -q", {
      onListening: (found) => {
        send = found;
      },
      onStdout: (text) => {
        if (text !== "0\n1\n2\n" || second !== undefined) return;
        second = cli("consume one -g o -e -q").finally(() => send?.("SIGINT"));
      },
    });
    expect((await first).stdout).toBe("0\n1\n2\n");
    expect(await second).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  it("reads topics by a pattern, and says which it waits for", async () => {
    for (const topic of ["log-a", "log-b", "lag"]) {
      await createTopic(topic);
      await cli(`produce ${topic} -q`, { stdin: `${topic}\n` });
    }
    const matched = await cli("consume -g p --pattern 'log-.*' -e -q -f '%t %v'");
    expect(matched.stdout.split("\n").sort()).toEqual(["", "log-a log-a", "log-b log-b"]);
    expect(await cli("consume lagg -g p -e")).toMatchObject({
      exitCode: 3,
      stdout: "",
      stderr: expect.stringMatching(/did you mean lag\?.*\[TOPIC_NOT_FOUND\]/),
    });
    let send: ((signal: EndSignal) => void) | undefined;
    const waiting = cli("consume later -g w -n 1", {
      onListening: (found) => {
        send = found;
      },
    });
    await createTopic("later");
    await cli("produce later -q", { stdin: "here\n" });
    const result = await waiting;
    expect(send).toBeDefined();
    expect(result.stdout).toBe("here\n");
  });

  it("says what lies between the committed offset and the log, or does not go on", async () => {
    await createTopic("gap");
    await produce("gap", 0, 10);
    await cli("consume gap -g g -n 2 -q");
    await cli("topic trim gap -p 0 --before 6 -y");
    const { findings } = await report("g");
    expect(findings[0]?.why).toContain("4 records after the committed offset were deleted unread");
    const failed = await cli("consume gap -g g -e -q");
    expect(failed).toMatchObject({ exitCode: 1, stdout: "" });
    expect(failed.stderr).toContain("[OFFSET_OUT_OF_RANGE]");
    const told = await cli("consume gap -g g -e -q --on-gap start");
    expect(told.stdout).toBe("6\n7\n8\n9\n");
    expect(told.stderr).toMatch(
      /offset 2 of "gap", partition 0.*going on at 6; 4 records of the group are lost/,
    );
  });

  it("is refused where the words do not fit together", async () => {
    await createTopic("fit");
    const cases: [string, RegExp][] = [
      ["consume", /nothing to consume; give a TOPIC/],
      ["consume -g x", /nothing to consume/],
      ["consume fit --pattern a", /--pattern is for members of a group; give --group GROUP too/],
      ["consume fit --instance a", /--instance is for members/],
      ["consume fit --on-gap end", /--on-gap is for members/],
      ["consume fit -g x -p 0", /cannot be used with/],
      ["consume fit -g x --on-out-of-range end", /cannot be used with/],
      ["consume fit -g x --from 5", /--from is "start" or "end" .* "millrace group seek x"/],
      ["consume fit -g x --session-timeout 10ms", /from 1000 to 3600000 milliseconds/],
      ["consume fit -g x --on-gap error", /Allowed choices are fail, start, end/],
    ];
    for (const [args, text] of cases) {
      expect(await cli(args), args).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringMatching(text),
      });
    }
  });
});

describe("a group that was consumed", () => {
  it("is moved, forgotten and listed", async () => {
    await createTopic("moved", 2);
    for (const partition of [0, 1]) await produce("moved", 0, 20, partition);
    await cli("consume moved -g m -e -q");
    const dry = await cli("group seek m --to -5 -t moved --dry-run -o json");
    expect(JSON.parse(dry.stdout)).toEqual(
      [0, 1].map((partition) => ({ topic: "moved", partition, before: 20, after: 15, isClamped: false })),
    );
    expect(await committed("m")).toEqual([20, 20]);
    expect((await cli("group seek m --to +3 -t moved -p 1")).stdout).toMatch(
      /moved +1 +20 +20 +stays \(the place asked for is outside the log\)/,
    );
    await cli("group seek m --to start -t moved -p 0");
    await cli("group seek m --to 7 -t moved -p 1");
    expect(await committed("m")).toEqual([0, 7]);
    expect(numbers((await cli("consume moved -g m -e -q")).stdout)).toHaveLength(33);
    await cli("group seek m --to 4");
    await cli("group seek n --to-group m");
    expect(await committed("n")).toEqual([4, 4]);
    const listed = await cli("group list -o json");
    expect(JSON.parse(listed.stdout)).toContainEqual(expect.objectContaining({ group: "n", state: "empty" }));
    const topics = async (args: string) => (await cli(`topic list ${args}`)).stdout;
    expect(await topics("--internal")).toMatch(/^__consumer_offsets /m);
    expect(await topics("")).not.toContain("__");
    expect((await cli("group delete-offsets n -t moved -p 0 -y")).stdout).toBe("1\n");
    expect((await report("n")).partitions.filter((partition) => partition.committed)).toHaveLength(1);
    expect(await cli("group delete m n -y")).toMatchObject({ exitCode: 0 });
    expect(await cli("group describe n")).toMatchObject({ exitCode: 3, stdout: "" });
  });

  it("is not moved while it has members", async () => {
    await createTopic("held");
    await produce("held", 0, 3);
    let refused: Promise<unknown> | undefined;
    let send: ((signal: EndSignal) => void) | undefined;
    await cli("consume held -g h -q", {
      onListening: (found) => {
        send = found;
      },
      onStdout: () => {
        refused ??= Promise.all([
          cli("group seek h --to start"),
          cli("group delete h -y"),
          report("h"),
        ]).finally(() => send?.("SIGINT"));
      },
    });
    const [seek, gone, during] = (await refused) as [CliResult, CliResult, GroupReport];
    for (const { exitCode, stderr } of [seek, gone]) {
      expect(exitCode).toBe(1);
      expect(stderr).toContain("[GROUP_NOT_EMPTY]");
    }
    expect(during.members).toMatchObject([
      { isConnected: true, assigned: [{ topic: "held", partition: 0 }] },
    ]);
  });
});
