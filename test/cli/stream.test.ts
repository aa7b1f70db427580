import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import { broker, cli, createTopic, shareBroker } from "./shared-broker.ts";

shareBroker();

/** A topic of streams, under a name of its own. */
async function createStreams(name: string): Promise<void> {
  const created = await cli(`topic create ${name} --partitions 3 -c stream.index=true`);
  expect(created.exitCode, created.stderr).toBe(0);
}

/** Appends lines of text, which must succeed. */
async function append(args: string, lines: string): Promise<string> {
  const { exitCode, stdout, stderr } = await cli(`stream append ${args}`, { stdin: lines });
  expect(exitCode, stderr).toBe(0);
  return stdout;
}

function ndjson(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const values = (text: string) => ndjson(text).map(({ value }) => value);

describe("stream append", () => {
  it("appends each line as an event and says where they are", async () => {
    await createStreams("says");
    expect(await append("says o-1 --type Placed --expect none", "a\n")).toMatch(
      /^1 event, revision 0: durable at partition \d, offset 0\n$/,
    );
    expect(await append("says o-1 --durability written", "b\r\nc")).toMatch(
      /^2 events, revisions 1 to 2: (written|durable) at partition \d, offset 1\n$/,
    );
    expect(JSON.parse(await append("says o-2 -o json", "a\nb\n"))).toEqual({
      topic: "says",
      stream: "o-2",
      partition: expect.any(Number),
      baseOffset: expect.any(Number),
      firstRevision: 0,
      lastRevision: 1,
      durability: "durable",
      duplicate: false,
    });
    expect(await append("says o-2 -o yaml", "c\n")).toMatch(
      /^topic: says\nstream: o-2\n.*lastRevision: 2\n/s,
    );
  });

  it("leaves a stream alone that is not as expected, and says what it is", async () => {
    await createStreams("expected");
    await append("expected o-1", "a\nb\n");
    expect(await cli("stream append expected o-1 --expect 0", { stdin: "c\n" })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr:
        "error: the stream is at revision 1, expected was 0; nothing was appended: read what is new, decide again and expect 1 [WRONG_REVISION]\n",
    });
    expect(await cli("stream append expected o-1 --expect none", { stdin: "c\n" })).toMatchObject({
      exitCode: 1,
    });
    expect(await cli("stream append expected o-2 --expect exists", { stdin: "c\n" })).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("the stream has no events, expected was exists"),
    });
    await append("expected o-1 --expect 1", "c\n");
    await append("expected o-1 --expect exists", "d\n");
    expect(values((await cli("stream read expected o-1 -o json")).stdout)).toEqual(["a", "b", "c", "d"]);
  });

  it("with the same idempotency key gets the first result", async () => {
    await createStreams("once");
    const first = await append("once o-1 --idempotency-key pay-7 --expect none", "a\nb\n");
    const again = await append("once o-1 --idempotency-key pay-7 --expect none", "a\nb\n");
    expect(again).toBe(first.replace("\n", " (it had been appended before)\n"));
    expect(values((await cli("stream read once o-1 -o json")).stdout)).toEqual(["a", "b"]);
  });

  it("reads a file, and takes types, headers and times from JSON", async () => {
    await createStreams("json");
    const fs = new MemoryFileSystem();
    const lines = [
      { type: "Placed", value: { total: 12 }, headers: { by: "ada" }, timestamp: "2026-01-31T12:00:00Z" },
      { value: null },
      { valueBase64: "AP8=", headers: [{ key: "k", valueBase64: "gA==" }], type: "" },
    ];
    const file = await fs.open("/events.json", "create");
    await file.write([Buffer.from(lines.map((line) => JSON.stringify(line)).join("\n"))], 0);
    await file.close();
    const args = "--file /events.json --format json --type Other -H via=cli";
    const appended = await cli(`stream append json o-1 ${args}`, { fs });
    expect(appended.exitCode, appended.stderr).toBe(0);
    const via = { key: "via", value: "cli" };
    expect(ndjson((await cli("stream read json o-1 -o json")).stdout)).toMatchObject([
      {
        revision: 0,
        type: "Placed",
        value: '{"total":12}',
        timestamp: Date.UTC(2026, 0, 31, 12),
        headers: [via, { key: "by", value: "ada" }],
      },
      { revision: 1, type: "Other", value: null, headers: [via] },
      { revision: 2, type: "Other", valueBase64: "AP8=", headers: [via, { key: "k", valueBase64: "gA==" }] },
    ]);
  });

  it("copies what stream read prints, whatever the bytes", async () => {
    await createStreams("original");
    await createStreams("copy");
    const lines = [
      { type: "A", value: "text", timestamp: 1_790_000_000_000 },
      { valueBase64: "AAD/gA==", headers: { a: "1", b: null } },
      { type: "C", value: "line\nbreak\u0007" },
    ];
    await append("original o-1 --format json", lines.map((line) => JSON.stringify(line)).join("\n"));
    const { stdout } = await cli("stream read original o-1 -o json");
    await append("copy o-9 --format json --expect none", stdout);
    const copied = ndjson((await cli("stream read copy o-9 -o json")).stdout);
    const same = (event: Record<string, unknown>) => ({
      ...event,
      topic: "",
      stream: "",
      partition: 0,
      offset: 0,
    });
    expect(copied.map(same)).toEqual(ndjson(stdout).map(same));
    expect(copied).toHaveLength(3);
  });

  it("is all or nothing: too many lines, a bad line or no line append nothing", async () => {
    await createStreams("whole");
    const numbers = (count: number) => Array.from({ length: count }, (_, line) => `${line}\n`).join("");
    const tooMany = await cli("stream append whole o-1", { stdin: numbers(1_001) });
    expect(tooMany).toMatchObject({ exitCode: 1, stdout: "" });
    expect(tooMany.stderr).toContain("more than 1000 lines");
    expect(tooMany.stderr).toContain("append it in parts");
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, "x");
      })(),
    );
    expect(await cli("stream append whole o-1", { stdin: endless })).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("longer than 4194304 bytes"),
    });
    const bad = await cli("stream append whole o-1 --format json", {
      stdin: '{"value":"a"}\n{"valu":"b"}\n',
    });
    expect(bad).toMatchObject({ exitCode: 1, stdout: "" });
    expect(bad.stderr).toBe(
      'error: line 2 is no event: field "valu" is not known; known are type, value, valueBase64, headers, timestamp\n',
    );
    expect(await cli("stream append whole o-1", { stdin: "" })).toMatchObject({
      exitCode: 2,
      stderr: "error: the input has no lines; each line is an event\n",
    });
    const large = await cli("stream append whole o-1", { stdin: `${"x".repeat(2_000_000)}\n` });
    expect(large).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/ \[BATCH_TOO_LARGE\]\n$/) });
    expect((await cli("stream describe whole o-1 -o json")).stdout).toContain('"exists": false');
    expect(await append("whole o-1", numbers(1_000))).toContain("1,000 events, revisions 0 to 999");
  });

  it("stores a snapshot, of one line", async () => {
    await createStreams("snaps");
    await append("snaps o-1 --type Counted", "a\nb\nc\n");
    expect(await append("snaps o-1 --snapshot-of 1 --type State", "ab\n")).toMatch(
      /^snapshot of revision 1: durable at partition \d, offset 3\n$/,
    );
    expect(await cli("stream append snaps o-1 --snapshot-of 1", { stdin: "a\nb\n" })).toMatchObject({
      exitCode: 2,
      stderr: "error: a snapshot is one line; the input has 2\n",
    });
    expect(await cli("stream append snaps o-1 --snapshot-of 3", { stdin: "a\n" })).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("the snapshot is of revision 3; allowed is 0 to 2"),
    });
    const read = await cli("stream read snaps o-1 --from-snapshot -o json");
    expect(ndjson(read.stdout)).toMatchObject([
      { revision: 1, isSnapshot: true, type: "State", value: "ab" },
      { revision: 2, isSnapshot: false, type: "Counted", value: "c" },
    ]);
    const copied = await cli("stream append snaps o-2 --format json", { stdin: read.stdout });
    expect(copied).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("line 1 is no event: it is a snapshot"),
    });
    await append("snaps o-1 --format json --snapshot-of 2", read.stdout.split("\n")[0]!);
    expect((await cli("stream describe snaps o-1")).stdout).toBe(
      "o-1: revisions 0 to 2, snapshot of revision 2\n",
    );
  });

  it("refuses what no stream could be, before anything is asked", async () => {
    for (const [args, problem] of [
      ["--expect -1", 'Allowed is "any", "none", "exists" or a revision from 0'],
      ["--expect new", 'Allowed is "any", "none", "exists" or a revision from 0'],
      ["--snapshot-of x", "Allowed is"],
      ["--snapshot-of 1 --expect 1", "cannot be used with"],
      ["--idempotency-key ''", "Allowed are 1 to 255 bytes"],
      [`--idempotency-key ${"k".repeat(256)}`, "Allowed are 1 to 255 bytes"],
      ["--durability fast", "Allowed choices are durable, written"],
      ["-H novalue", 'Allowed is "name=value"'],
    ] as const) {
      const { exitCode, stderr } = await cli(`stream append any o-1 ${args}`, { stdin: "a\n" });
      expect(exitCode, args).toBe(2);
      expect(stderr, args).toContain(problem);
    }
  });
});

describe("stream read", () => {
  it("prints a line for each event: revision, time, type, value", async () => {
    await createStreams("lines");
    const lines = [
      { type: "Placed", value: "plain", timestamp: "2026-01-31T12:00:00Z" },
      { value: "tab\tand \u001b[2J" },
      { type: "Gone\n", value: null },
    ];
    await append("lines o-1 --format json", lines.map((line) => JSON.stringify(line)).join("\n"));
    const { stdout } = await cli("stream read lines o-1");
    const [first, ...others] = stdout.split("\n");
    expect(first).toBe("0\t2026-01-31T12:00:00.000Z\tPlaced\tplain");
    expect(others[0]).toMatch(/^1\t\S+\t-\ttab\\tand \\x1b\[2J$/);
    expect(others[1]).toMatch(/^2\t\S+\tGone\\n\t$/);
  });

  it("reads from a revision, backwards, and so many", async () => {
    await createStreams("ways");
    await append("ways o-1", Array.from({ length: 20 }, (_, line) => `${line}`).join("\n"));
    const read = async (args: string) => values((await cli(`stream read ways o-1 -o json ${args}`)).stdout);
    expect(await read("--from 18")).toEqual(["18", "19"]);
    expect(await read("-n 2")).toEqual(["0", "1"]);
    expect(await read("--backwards -n 2")).toEqual(["19", "18"]);
    expect(await read("--backwards --from 1")).toEqual(["1", "0"]);
    expect(await read("--from 20")).toEqual([]);
    expect((await cli("stream read ways o-1 -o yaml -n 1")).stdout).toMatch(
      /^---\ntopic: ways\npartition: \d\nstream: o-1\nrevision: 0\n/,
    );
    for (const args of ["--from-snapshot --from 1", "--from-snapshot --backwards", "-n 0", "--from x"]) {
      expect((await cli(`stream read ways o-1 ${args}`)).exitCode, args).toBe(2);
    }
  });

  it("says on stderr that a stream never had an event", async () => {
    await createStreams("empty");
    expect(await cli("stream read empty o-1")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: 'empty has no stream "o-1": nothing was ever appended to it\n',
    });
    await append("empty o-1", "a\n");
    expect(await cli("stream read empty o-1 --from 5")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  it("ends quietly when its reader goes away", async () => {
    await createStreams("pipe");
    await append("pipe o-1", Array.from({ length: 1_000 }, () => "x".repeat(500)).join("\n"));
    const { exitCode, stderr } = await cli("stream read pipe o-1 -o json", { stdoutClosesAfter: 1_000 });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  it("refuses topics that are not there and those without index", async () => {
    await createTopic("plain");
    const plain = await cli("stream read plain o-1");
    expect(plain).toMatchObject({ exitCode: 1, stdout: "" });
    expect(plain.stderr).toMatch(/set stream\.index=true.* \[INVALID_REQUEST\]\n$/);
    expect(await cli("stream read plan o-1")).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/did you mean plain\? \[TOPIC_NOT_FOUND\]/),
    });
  });
});

describe("stream describe", () => {
  it("tells what is kept of a stream", async () => {
    await createStreams("kept");
    expect((await cli("stream describe kept o-1")).stdout).toBe(
      'kept has no stream "o-1": nothing was ever appended to it\n',
    );
    const { partition } = JSON.parse(await append("kept o-1 -o json", "a\nb\nc\n")) as { partition: number };
    expect((await cli("stream describe kept o-1")).stdout).toBe("o-1: revisions 0 to 2, no snapshot\n");
    await cli(`topic trim kept -p ${partition} --before 1 --yes`);
    expect((await cli("stream describe kept o-1")).stdout).toBe(
      "o-1: revisions 0 to 2, kept from 1, no snapshot\n",
    );
    expect(JSON.parse((await cli("stream describe kept o-1 -o json")).stdout)).toEqual({
      topic: "kept",
      stream: "o-1",
      exists: true,
      firstRevision: 1,
      lastRevision: 2,
    });
    await broker.broker.trimPartition("kept", partition, undefined);
    expect((await cli("stream describe kept o-1")).stdout).toBe(
      "o-1: revisions 0 to 2, none kept, no snapshot\n",
    );
    expect((await cli("stream read kept o-1 --from 0")).stderr).toMatch(/ \[OFFSET_OUT_OF_RANGE\]\n$/);
  });
});
