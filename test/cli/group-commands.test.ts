import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import { millrace } from "../../src/gen/millrace.js";
import type { EndSignal } from "../../cli/io.ts";
import { StandInCoordinator } from "../client/stand-in-coordinator.ts";
import { type CliOptions, runCli } from "./run-cli.ts";
import { words } from "./shared-broker.ts";

const { GroupState, PartitionProgress } = millrace.v1;

let broker: StandInCoordinator;

beforeAll(async () => {
  broker = await StandInCoordinator.start();
});

afterAll(() => broker.close());

beforeEach(() => {
  broker.asked.length = 0;
  broker.answers = {
    findCoordinator: { brokerId: 0, endpoint: broker.endpoint },
    listGroups: { groups: [summary("billing", 1), summary("idle", 0)] },
    describeGroup: description(7),
  };
});

function summary(group: string, memberCount: number): millrace.v1.GroupSummary.$Properties {
  const state = memberCount === 0 ? GroupState.GROUP_STATE_EMPTY : GroupState.GROUP_STATE_STABLE;
  return { group, state, memberCount, groupEpoch: 4, assignor: "uniform" };
}

/** A group without members that has something to read. */
function description(lag: number): object {
  const progress = PartitionProgress.PARTITION_PROGRESS_NO_MEMBER;
  return {
    summary: summary("idle", 0),
    partitions: [
      { topic: "orders", partition: 0, highWatermark: lag, lag, progress },
      { topic: "orders", partition: 1, highWatermark: 1, lag: 1, progress },
    ],
  };
}

function cli(args: string, options?: CliOptions) {
  return runCli([...words(args), "--broker", broker.endpoint], options);
}

/** The requests of one method, as they came. */
function requests(method: string): unknown[] {
  return broker.asked.filter((call) => call.method === method).map(({ request }) => request);
}

const notFound = (group: string) => () => {
  throw new MillraceError("GROUP_NOT_FOUND", `there is no group "${group}"`);
};

describe("group list", () => {
  it("shows all groups, as a table and as data", async () => {
    expect((await cli("group list")).stdout).toMatch(
      /^NAME +STATE.*\nbilling +stable +1 +4 +uniform\nidle +empty/,
    );
    expect(JSON.parse((await cli("group list -o json")).stdout)).toContainEqual({
      group: "idle",
      state: "empty",
      memberCount: 0,
      groupEpoch: 4,
      assignor: "uniform",
    });
  });
});

describe("group describe", () => {
  it("tells the lag and why nobody reads, with the command that mends it", async () => {
    const { exitCode, stdout, stderr } = await cli("group describe idle");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^idle {2}empty, 0 members, epoch 4, assignor uniform, lag 8\n/);
    expect(stdout).toContain("  orders 0-1: the group has no members, so nobody reads; 8 records wait\n");
    expect(stdout).toContain("\n    millrace consume orders -g idle\n");
    const data = JSON.parse((await cli("group describe idle --topic orders -o json")).stdout);
    expect(data).toMatchObject({ group: "idle", lag: 8, partitions: [{ lag: 7 }, { lag: 1 }] });
    expect(data.findings[0]).toMatchObject({
      cause: "no-member",
      command: "millrace consume orders -g idle",
    });
    expect(requests("describeGroup")).toEqual([{ group: "idle" }, { group: "idle", topic: "orders" }]);
  });

  it("is not found as other things are", async () => {
    broker.answers = { ...broker.answers, describeGroup: notFound("ilde") };
    expect(await cli("group describe ilde --watch")).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: 'error: there is no group "ilde" [GROUP_NOT_FOUND]\n',
    });
  });

  /** Runs until a text was seen, then sends the signal. */
  async function watched(args: string, until: string, signal: EndSignal, options: CliOptions = {}) {
    let send: ((signal: EndSignal) => void) | undefined;
    return cli(args, {
      ...options,
      onListening: (found) => {
        send = found;
      },
      onStdout: (text) => {
        if (text.includes(until)) send?.(signal);
      },
    });
  }

  it("shows it again and again: in place at a terminal, one after the other elsewhere", async () => {
    let lag = 3;
    broker.answers = { ...broker.answers, describeGroup: () => description(lag--) };
    const shown = await watched("group describe idle -w 100ms", "lag 2", "SIGINT", { isTerminal: true });
    expect(shown.exitCode).toBe(0);
    expect(shown.stdout.split("\x1b[2J")).toHaveLength(2);
    expect(shown.stdout.split("\x1b[H")).toHaveLength(4);
    lag = 3;
    const piped = await watched("group describe idle --watch 100ms", "lag 2", "SIGTERM");
    expect(piped.exitCode).toBe(143);
    expect(piped.stdout).not.toContain("\x1b");
    expect(piped.stdout.match(/^\S+Z {2}idle {2}empty.* lag \d/gm)).toHaveLength(3);
    lag = 3;
    const data = await watched("group describe idle --watch 100ms -o json", '"lag":2,"findings"', "SIGINT");
    const lines = data.stdout.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { lag: number }).lag)).toEqual([4, 3, 2]);
  });

  it("waits for a coordinator that comes back, and ends when the group is gone", async () => {
    const loading = () => {
      throw new MillraceError("COORDINATOR_LOADING", "the groups are being read");
    };
    const answers = [() => description(1), loading, () => description(2), notFound("idle")];
    broker.answers = { ...broker.answers, describeGroup: () => answers.shift()!() };
    const result = await cli("group describe idle --watch 100ms -o json -v");
    expect(result.exitCode).toBe(3);
    expect(result.stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(result.stderr).toMatch(/^retrying: .*\[COORDINATOR_LOADING\]\nerror: .*\[GROUP_NOT_FOUND\]/);
  });

  it("ends quietly with whoever reads it", async () => {
    const result = await cli("group describe idle --watch 100ms", { stdoutClosesAfter: 400 });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
  });
});

describe("group seek", () => {
  it("moves where it is told, and shows from where to where", async () => {
    broker.answers = {
      ...broker.answers,
      seekGroup: { partitions: [{ topic: "orders", partition: 0, before: 12, after: 2 }] },
    };
    const moved = await cli("group seek idle --to -10");
    expect(moved).toEqual({
      exitCode: 0,
      stdout: "TOPIC   PARTITION  BEFORE  AFTER  EFFECT\norders          0      12      2  reads 10 again\n",
      stderr: "",
    });
    const dry = await cli("group seek idle --to @1000 -t orders -p 0,1 --dry-run -o json");
    expect(dry.stderr).toBe("a dry run: nothing was moved\n");
    expect(JSON.parse(dry.stdout)).toEqual([
      { topic: "orders", partition: 0, before: 12, after: 2, isClamped: false },
    ]);
    await cli("group seek idle --to-group billing");
    expect(requests("seekGroup")).toEqual([
      { group: "idle", partitions: [], shift: -10 },
      { group: "idle", topic: "orders", partitions: [0, 1], timestampMs: 1_000, dryRun: true },
      { group: "idle", partitions: [], otherGroup: "billing" },
    ]);
  });

  it("says that there was nothing to move", async () => {
    const { stderr } = await cli("group seek idle --to end");
    expect(stderr).toBe('group "idle" has no committed offsets to move\n');
  });
});

describe("what a group has", () => {
  it("is not forgotten without being told twice", async () => {
    for (const args of ["group delete idle", "group delete-offsets idle -t orders"]) {
      expect(await cli(args)).toMatchObject({
        exitCode: 2,
        stdout: "",
        stderr: expect.stringContaining("--yes"),
      });
    }
    expect(broker.asked).toEqual([]);
    const asked = await cli("group delete-offsets idle -t orders -p 1", { isTerminal: true, stdin: "no\n" });
    expect(asked).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('read "orders", partition 1,'),
    });
  });

  it("is forgotten whole, or by topic and partition", async () => {
    broker.answers = { ...broker.answers, deleteOffsets: { deleted: 2 } };
    expect(await cli("group delete idle idle -y")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: 'deleted group "idle"\n',
    });
    expect(await cli("group delete-offsets idle -t orders -p 4 -p 5 -y")).toMatchObject({ stdout: "2\n" });
    const data = await cli("group delete-offsets idle -t orders -y -o json");
    expect(JSON.parse(data.stdout)).toEqual({ group: "idle", topic: "orders", deleted: 2 });
    expect(requests("deleteOffsets")).toEqual([
      { group: "idle", topic: "orders", partitions: [4, 5] },
      { group: "idle", topic: "orders", partitions: [] },
    ]);
  });

  it("stays, of all groups named, if one of them cannot be deleted", async () => {
    const missing = { ...broker.answers, describeGroup: notFound("x") };
    broker.answers = missing;
    expect(await cli("group delete idle x -y")).toMatchObject({
      exitCode: 3,
      stderr: 'error: there is no group "x"; nothing was deleted [GROUP_NOT_FOUND]\n',
    });
    broker.answers = { ...missing, describeGroup: { summary: summary("billing", 2) } };
    expect(await cli("group delete idle billing -y")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(
        /has 2 members; nothing was deleted\. Stop them first .*\[GROUP_NOT_EMPTY\]/,
      ),
    });
    expect(requests("deleteGroup")).toEqual([]);
  });
});

it("what a group command line gets wrong is told before a broker is asked", async () => {
  const cases: [string, RegExp][] = [
    ["group", /Usage: millrace group/],
    ["group describe", /missing required argument 'group'/],
    ["group describe idle --watch soon", /Allowed is a duration/],
    ["group describe idle --watch 1ms", /from 100 to 3600000 milliseconds/],
    ["group seek idle", /nowhere to go; give --to PLACE, or --to-group GROUP/],
    ["group seek idle --to yesterday", /Allowed are "start", "end", an offset, "\+N" or "-N"/],
    ["group seek idle --to end --to-group b", /cannot be used with/],
    ["group seek idle --to end -p 1", /--partition needs the topic/],
    ["group seek idle --to end -t a -p 1,1", /Name each partition once/],
    ["group delete-offsets idle", /required option '-t, --topic <topic>' not specified/],
  ];
  for (const [args, text] of cases) {
    expect(await cli(args), args).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringMatching(text),
    });
  }
  expect(broker.asked).toEqual([]);
});
