import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { MemoryFileSystem } from "../../src/fs/index.ts";
import type { EndSignal } from "../../cli/io.ts";
import { runCli } from "./run-cli.ts";
import { broker, cli, createTopic, shareBroker, words } from "./shared-broker.ts";

shareBroker();

function ndjson(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("topic", () => {
  it("creates, lists, describes, changes, grows, trims and deletes", async () => {
    const created = await cli("topic create life --partitions 2 -c retention.ms=1000 -o json");
    expect(JSON.parse(created.stdout)).toMatchObject({ name: "life", partitions: [{}, {}] });
    const listed = JSON.parse((await cli("topic list -o json")).stdout) as { name: string }[];
    expect(listed.find(({ name }) => name === "life")).toMatchObject({ partitionCount: 2, bytes: 0 });
    const described = await cli("topic describe life");
    expect(described.stdout).toMatch(/^life {2}2 partitions, 0 B/);
    expect(described.stdout).toMatch(/\nretention\.ms +1000 +topic\n/);
    const altered = await cli("topic alter life --set retention.ms=2000 --set flush.mode=written -o json");
    expect(JSON.parse(altered.stdout)).toContainEqual({ name: "retention.ms", value: "2000", isSet: true });
    const reset = await cli("topic alter life --reset retention.ms,flush.mode -o json");
    expect(reset.stdout).not.toContain('"isSet": true');
    const grown = await cli("topic add-partitions life --to 3 -o yaml");
    expect(grown.stdout).toContain("partition: 2\n");
    await cli("produce life --partition 0", { stdin: "a\nb\nc\n" });
    expect(await cli("topic trim life -p 0 --before 2 --yes")).toMatchObject({ exitCode: 0, stdout: "2\n" });
    expect(await cli("topic trim life -p 0 --all --yes -o json")).toMatchObject({
      stdout: expect.stringContaining('"logStartOffset": 3'),
    });
    expect(await cli("topic delete life --yes")).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await cli("topic describe life")).toMatchObject({ exitCode: 3, stdout: "" });
  });

  it("creates nothing in a dry run, and takes an existing one if told so", async () => {
    expect(await cli("topic create dry --dry-run")).toMatchObject({ exitCode: 0, stdout: "" });
    expect((await cli("topic describe dry")).exitCode).toBe(3);
    await createTopic("there", 2);
    expect((await cli("topic create there")).stderr).toMatch(/ \[TOPIC_ALREADY_EXISTS\]\n$/);
    const again = await cli("topic create there --if-not-exists --partitions 9 -o json");
    expect(JSON.parse(again.stdout)).toMatchObject({ name: "there", partitions: [{}, {}] });
  });

  it("loses nothing without being told twice", async () => {
    await createTopic("dear");
    const unasked = await cli("topic delete dear");
    expect(unasked.exitCode).toBe(2);
    expect(unasked.stderr).toContain("add --yes");
    const refused = await cli("topic delete dear", { isTerminal: true, stdin: "no\n" });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("nothing was changed");
    const silent = await cli("topic delete dear", { isTerminal: true, stdin: "" });
    expect(silent.exitCode).toBe(1);
    expect((await cli("topic describe dear")).exitCode).toBe(0);
    expect((await cli("topic trim dear -p 0 --all")).exitCode).toBe(2);
    const confirmed = await cli("topic delete dear", { isTerminal: true, stdin: "yes\n" });
    expect(confirmed).toMatchObject({ exitCode: 0, stdout: "" });
  });
});

describe("produce", () => {
  it("keeps the order of lines within a partition, and tells what became of them", async () => {
    await createTopic("lines", 3);
    const lines = Array.from({ length: 5_000 }, (_, number) => `${number % 7}:${number}`);
    const produced = await cli("produce lines -k : --header source=test", { stdin: `${lines.join("\n")}\n` });
    expect(produced).toMatchObject({ exitCode: 0, stdout: "" });
    expect(produced.stderr).toMatch(
      /^5,000 records acknowledged as durable: .* in .*, .* records\/s, .*\/s\n$/,
    );
    const { stdout } = await cli("consume lines -e -q -f '%k:%v %h'");
    const byKey = (all: readonly string[], key: number) => all.filter((line) => line.startsWith(`${key}:`));
    const consumed = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/ source=test$/, ""));
    expect(consumed).toHaveLength(lines.length);
    for (let key = 0; key < 7; key++) expect(byKey(consumed, key)).toEqual(byKey(lines, key));
  });

  it("reads a file, and copies records through JSON as they were", async () => {
    await createTopic("original");
    await createTopic("copy");
    const fs = new MemoryFileSystem();
    const file = await fs.open("/records.json", "create");
    const first = { key: null, value: null, headers: [{ key: "h", value: null }], timestamp: 5 };
    const second = { keyBase64: "/w==", value: "ä\n", headers: {}, timestamp: 4 };
    await file.write([Buffer.from(`${JSON.stringify(first)}\r\n${JSON.stringify(second)}`)], 0);
    await file.close();
    const produced = await cli("produce original --format json --file /records.json -q", { fs });
    expect(produced).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const { stdout } = await cli("consume original -e -q -o json");
    expect(ndjson(stdout)).toEqual([
      { topic: "original", partition: 0, offset: 0, ...first },
      { topic: "original", partition: 0, offset: 1, ...second, headers: [] },
    ]);
    await cli("produce copy --format json", { stdin: stdout });
    const copied = await cli("consume copy -e -q -o json");
    expect(copied.stdout.replaceAll('"copy"', '"original"')).toBe(stdout);
  });

  it("adds headers to copies, and leaves them in their partitions", async () => {
    await createTopic("moved", 3);
    const stdin =
      '{"value":12345678901234567890,"partition":2,"headers":[{"key":"own","value":"1"}]}\n{"value":"b"}';
    await cli("produce moved --format json -p 1 -H via=copy", { stdin });
    const { stdout } = await cli("consume moved -e -q -f '%p %v %h'");
    expect(stdout.split("\n").sort()).toEqual(["", "1 b via=copy", "2 12345678901234567890 via=copy,own=1"]);
    expect((await cli("produce --help")).stdout).toContain('A line\'s "partition"\ngoes before --partition');
  });

  it("stops at the first record that fails, and tells how many were acknowledged", async () => {
    await createTopic("partial");
    const unseparated = await cli("produce partial -k :", { stdin: "a:1\nb:2\nc\nd:4\n" });
    expect(unseparated.exitCode).toBe(1);
    expect(unseparated.stderr).toContain('line 3 has no key separator ":"');
    expect(unseparated.stderr).toContain("2 records acknowledged as durable");
    const refused = await cli("produce partial -q", { stdin: `a\n${"b".repeat(1_100_000)}\nc\n` });
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("[BATCH_TOO_LARGE]");
    expect(refused.stderr).toContain("\n1 record acknowledged as durable");
    const long = await cli("produce partial -q", { stdin: "b".repeat(3_200_000) });
    expect(long.stderr).toContain("line 1 is longer than 3145728 bytes");
    const { stdout } = await cli("consume partial -e -q");
    expect(stdout).toBe("1\n2\na\n");
  });

  it("sends to the partition, with the compression and durability asked for", async () => {
    await createTopic("chosen", 3);
    const produced = await cli("produce chosen -p 2 -z gzip --durability written", { stdin: "a\nb\n" });
    expect(produced.stderr).toMatch(/^2 records acknowledged as (written|durable)/);
    const { stdout } = await cli("consume chosen -e -q -f '%t %p %o %v'");
    expect(stdout).toBe("chosen 2 0 a\nchosen 2 1 b\n");
    const outside = await cli("produce chosen -p 3", { stdin: "a\n" });
    expect(outside).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("[PARTITION_NOT_FOUND]") });
    const partly = await cli("produce chosen --format json", { stdin: '{"partition":0}\n{"partition":3}\n' });
    expect(partly).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/^error: line 2: .*\n1 record ack/),
    });
  });

  it("gives programs its result as data, also where it failed", async () => {
    await createTopic("counted");
    const produced = await cli("produce counted -o json -q", { stdin: "a\nb\n" });
    expect(produced).toMatchObject({ exitCode: 0, stderr: "" });
    expect(JSON.parse(produced.stdout)).toEqual({
      topic: "counted",
      records: 2,
      recordsAcknowledged: 2,
      recordsDurable: 2,
      bytesAcknowledged: expect.any(Number),
      durability: "durable",
      elapsedMs: expect.any(Number),
    });
    const failed = await cli("produce counted -k : -o json", { stdin: "a:1\nb\n" });
    expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("line 2 has no key") });
    expect(JSON.parse(failed.stdout)).toMatchObject({
      records: 1,
      recordsAcknowledged: 1,
      durability: "durable",
    });
    const none = await cli("produce counted -o yaml", { stdin: "" });
    expect(none.stdout).toMatch(/^topic: counted\nrecords: 0\n/);
    expect(none.stdout).not.toContain("durability");
  });

  it("finishes what it has read when it is interrupted, and says so by its exit code", async () => {
    await createTopic("interrupted");
    const stdin = new PassThrough();
    stdin.write("a\nb\n");
    const running = cli("produce interrupted", {
      stdin,
      onListening: (send) => {
        const poll = async () => {
          for (;;) {
            const { stdout } = await cli("topic describe interrupted -o json");
            if (stdout.includes('"highWatermark": 2')) break;
          }
          send("SIGINT");
        };
        void poll();
      },
    });
    const result = await running;
    expect(result.exitCode).toBe(130);
    expect(result.stderr).toContain("2 records acknowledged");
  });

  it("tells at a signal for how many records it still waits", async () => {
    await createTopic("waiting");
    const produce = broker.broker.produce.bind(broker.broker);
    let interrupt = () => {};
    broker.broker.produce = (...request) => {
      interrupt(); // the record is under way
      return produce(...request);
    };
    const onListening = (send: (signal: EndSignal) => void) => {
      interrupt = () => send("SIGINT");
    };
    const result = await cli("produce waiting", { stdin: "a\n", onListening });
    broker.broker.produce = produce;
    expect(result.exitCode).toBe(130);
    expect(result.stderr).toContain(
      "0 records acknowledged, waiting for 1 more; a second signal leaves them\n",
    );
    expect(result.stderr).toContain("1 record acknowledged");
  });

  it("shows how far it is on a terminal, and nothing of it elsewhere", async () => {
    await createTopic("shown");
    const fs = new MemoryFileSystem();
    const file = await fs.open("/big.txt", "create");
    await file.write([Buffer.from("0123456789\n".repeat(200_000))], 0);
    await file.close();
    const shown = await cli("produce shown --file /big.txt", { fs, isTerminal: true });
    expect(shown.stderr).toContain("\r\x1b[36m");
    expect(shown.stderr).toMatch(/% {2}[\d,]+ records/);
    expect(shown.stderr).toContain("\r\x1b[K200,000 records acknowledged as durable: ");
    const plain = await cli("produce shown --file /big.txt", { fs });
    expect(plain.stderr).toMatch(/^200,000 records acknowledged as durable/);
  });
});

describe("consume", () => {
  it("begins where it is told and ends where it is told", async () => {
    await createTopic("places", 2);
    for (const partition of [0, 1]) {
      const stdin = Array.from(
        { length: 10 },
        (_, number) => `{"value":"${partition}${number}","timestamp":${number * 1_000}}`,
      );
      await cli(`produce places --format json -p ${partition}`, { stdin: stdin.join("\n") });
    }
    const values = async (args: string) =>
      (await cli(`consume places -q ${args}`)).stdout.split("\n").slice(0, -1);
    expect(await values("-e -p 1")).toEqual(["10", "11", "12", "13", "14", "15", "16", "17", "18", "19"]);
    expect((await values("-e")).sort()).toHaveLength(20);
    expect((await values("-e --from -2")).sort()).toEqual(["08", "09", "18", "19"]);
    expect(await values("-e --from -99 -p 0")).toHaveLength(10);
    expect(await values("-e --from 8 -p 0")).toEqual(["08", "09"]);
    expect(await values("-n 3 --from 2 -p 0")).toEqual(["02", "03", "04"]);
    expect((await values("-e --from @7000")).sort()).toEqual(["07", "08", "09", "17", "18", "19"]);
    expect(await values("-e --from end")).toEqual([]);
    expect(await values("-n 2 -p 0 --from 50 --on-out-of-range start")).toEqual(["00", "01"]);
  });

  it("prints what the format asks for, bytes as they are", async () => {
    await createTopic("formatted");
    const line = '{"key":"k","valueBase64":"/wo=","headers":{"a":"b","c":null},"timestamp":1000}';
    await cli("produce formatted --format json", { stdin: `${line}\n{"timestamp":2000}` });
    const formatted = async (format: string, more = "") =>
      (
        await runCli([
          "consume",
          "formatted",
          "-e",
          "-q",
          "-f",
          format,
          ...words(more),
          "--broker",
          broker.endpoint,
        ])
      ).stdout;
    expect(await formatted("%n %t/%p/%o %k %h %T %d %%")).toBe(
      "1 formatted/0/0 k a=b,c= 1970-01-01T00:00:01.000Z 1000 %\n" +
        "2 formatted/0/1   1970-01-01T00:00:02.000Z 2000 %\n",
    );
    expect(await formatted("%k=%h|", "--null-value -")).toBe("k=a=b,c=-|\n-=|\n");
    expect(await formatted("%o\\t\\x41\\\\\\0")).toBe("0\tA\\\0" + "1\tA\\\0");
    expect(await formatted("%o\n")).toBe("0\n1\n");
    const yaml = await cli("consume formatted -n 1 -q -o yaml");
    expect(yaml.stdout).toMatch(/^---\ntopic: formatted\n[\s\S]*valueBase64: \/wo=\n/);
  });

  it("survives a reader that goes away", async () => {
    await createTopic("endless");
    await cli("produce endless", { stdin: "0123456789\n".repeat(50_000) });
    const result = await cli("consume endless", { stdoutClosesAfter: 70_000 });
    expect(result).toMatchObject({ exitCode: 0, stderr: "" });
    expect(result.stdout.length).toBeLessThanOrEqual(70_000);
  });

  it("is ended by Ctrl-C with 0, and with 130 where another end was asked for", async () => {
    await createTopic("followed");
    await cli("produce followed", { stdin: "a\nb\n" });
    const interrupted = async (args: string, signal: EndSignal) => {
      let send: ((signal: EndSignal) => void) | undefined;
      return cli(`consume followed ${args}`, {
        onListening: (found) => {
          send = found;
        },
        onStdout: (text) => {
          if (text === "a\nb\n") send?.(signal);
        },
      });
    };
    expect(await interrupted("", "SIGINT")).toMatchObject({
      exitCode: 0,
      stdout: "a\nb\n",
      stderr: expect.stringMatching(/^2 records: 2 B in /),
    });
    expect(await interrupted("-n 9", "SIGINT")).toMatchObject({ exitCode: 130 });
    expect(await interrupted("", "SIGTERM")).toMatchObject({ exitCode: 143 });
  });
});

describe("cluster", () => {
  it("tells who is there and whether it serves", async () => {
    const info = JSON.parse((await cli("cluster info -o json")).stdout) as Record<string, unknown>;
    expect(info).toMatchObject({ brokers: [{ brokerId: 0, endpoint: broker.endpoint }], controller: 0 });
    expect((await cli("cluster info")).stdout).toMatch(/^cluster [0-9a-f]{32} {2}version .*\n\nBROKER /);
    expect(await cli("cluster health")).toMatchObject({ exitCode: 0, stdout: "serving\n", stderr: "" });
    expect(await cli("cluster health --service millrace.v1.LogService -o json")).toMatchObject({
      exitCode: 0,
      stdout: '{\n  "service": "millrace.v1.LogService",\n  "status": "serving"\n}\n',
    });
  });
});

describe("bench", () => {
  it("measures and leaves no topic behind", async () => {
    const produced = await cli("bench produce -n 2000 --size 100 --partitions 2 --batch 4096 -o json");
    expect(produced.exitCode, produced.stderr).toBe(0);
    const result = JSON.parse(produced.stdout) as {
      latency: { samples: number; p50Ms: number; maxMs: number };
    };
    expect(result).toMatchObject({ test: "produce", records: 2_000, bytes: 200_000, partitions: 2 });
    expect(result.latency.samples).toBeGreaterThan(10);
    expect(result.latency.maxMs).toBeGreaterThanOrEqual(result.latency.p50Ms);
    const paced = await cli("bench produce -n 50 --size 10 --rate 1000 -z gzip --acks written");
    expect(paced.stdout).toMatch(
      /^produce {2}bench-[0-9a-f]{8}, 6 partitions, acks written, compression gzip/,
    );
    expect(paced.stdout).toContain("50 samples");
    const consumed = await cli("bench consume -n 2000 --size 100 -o json");
    expect(JSON.parse(consumed.stdout)).toMatchObject({ test: "consume", records: 2_000, bytes: 200_000 });
    expect((await cli("topic list")).stdout).not.toContain("bench-");
  });

  it("keeps a topic that it was given", async () => {
    await cli("bench produce -n 10 --topic mine --partitions 1");
    const consumed = await cli("bench consume --topic mine -o json");
    expect(JSON.parse(consumed.stdout)).toMatchObject({ topic: "mine", records: 10, partitions: 1 });
  });

  it("removes its topic when it is interrupted", async () => {
    const stopped = await cli("bench produce -n 10000000 --rate 100", {
      onListening: (send) => void setTimeout(() => send("SIGINT"), 200),
    });
    expect(stopped.exitCode).toBe(130);
    expect((await cli("topic list")).stdout).not.toContain("bench-");
  });
});
