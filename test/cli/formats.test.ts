import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteSize, parseDuration, wholeNumber } from "../../cli/arguments/quantities.ts";
import { formatBytes, formatCounted, formatDuration } from "../../cli/output/quantities.ts";
import { printable, renderTable } from "../../cli/output/table.ts";
import { jsonParser } from "../../cli/records/json-records.ts";
import { lineParser } from "../../cli/records/line-records.ts";
import { compileFormat, parseSeparator } from "../../cli/records/record-format.ts";
import { recordFields } from "../../cli/records/record-json.ts";
import { parseStart } from "../../cli/records/start-position.ts";
import { formatTimestamp } from "../../cli/records/timestamp.ts";

describe("options", () => {
  it("take whole numbers within their range only", () => {
    const parse = wholeNumber({ min: 1, max: 10_000 });
    expect(["1", "10000", "10_000", "10,000"].map(parse)).toEqual([1, 10_000, 10_000, 10_000]);
    for (const text of ["0", "10001", "1.5", "1e3", "0x10", "", "ten", "1_0"]) {
      expect(() => parse(text), text).toThrow("Allowed is a whole number from 1 to 10000.");
    }
  });

  it("take durations with a unit, and milliseconds without", () => {
    const parse = (text: string) => parseDuration(text, { min: 0, max: 1e9 });
    expect(["250", "250ms", "1.5s", "2m", "2min", "1h", "7d"].map(parse)).toEqual([
      250, 250, 1_500, 120_000, 120_000, 3_600_000, 604_800_000,
    ]);
    for (const text of ["-1s", "1.0001s", "s", "1 week", ""])
      expect(() => parse(text), text).toThrow(/Allowed/);
  });

  it("take sizes in powers of 1000 and of 1024", () => {
    const parse = byteSize({ min: 0, max: 1e12 });
    expect(["0", "1024", "64KiB", "64kib", "1MB", "1.5k", "2gib"].map(parse)).toEqual([
      0, 1_024, 65_536, 65_536, 1_000_000, 1_500, 2_147_483_648,
    ]);
    for (const text of ["1.0001k", "12XB", "-1", ""]) expect(() => parse(text), text).toThrow(/Allowed/);
  });

  it("take every way to say where to begin", () => {
    const nowMs = Date.UTC(2026, 0, 31, 12);
    const parse = (text: string) => parseStart(text, nowMs);
    expect(["start", "end", "0", "120"].map(parse)).toEqual(["start", "end", 0, 120]);
    expect(parse("-10")).toEqual({ last: 10 });
    expect(parse("@2026-01-31T12:00:00Z")).toEqual({ timestampMs: nowMs });
    expect(parse("@2026-01-31")).toEqual({ timestampMs: Date.UTC(2026, 0, 31) });
    expect(parse("@1769860800000")).toEqual({ timestampMs: nowMs });
    expect(parse("@-15m")).toEqual({ timestampMs: nowMs - 900_000 });
    for (const text of ["", "now", "@", "@yesterday", "1.5", "@-1y", "99999999999999999"]) {
      expect(() => parse(text), text).toThrow(/Allowed/);
    }
  });
});

describe("numbers for people", () => {
  it("have three digits and a unit", () => {
    expect([0, 999, 1_000, 1_234_567, 999_999_999].map(formatBytes)).toEqual([
      "0 B",
      "999 B",
      "1 kB",
      "1.23 MB",
      "1 GB",
    ]);
    expect([0, 0.421, 12.34, 999.9, 59_940, 61_000, 3_725_000].map(formatDuration)).toEqual([
      "0 ms",
      "0.42 ms",
      "12.3 ms",
      "1 s",
      "59.9 s",
      "1 min 1 s",
      "1 h 2 min",
    ]);
    expect(formatCounted(1, "record")).toBe("1 record");
    expect(formatCounted(20_000, "batch", "batches")).toBe("20,000 batches");
  });

  it("tell timestamps that no date can hold as milliseconds", () => {
    expect(formatTimestamp(0)).toBe("1970-01-01T00:00:00.000Z");
    expect(formatTimestamp(Number.MAX_SAFE_INTEGER)).toBe("9007199254740991");
  });
});

describe("a table", () => {
  it("aligns its columns and shows control characters instead of obeying them", () => {
    const columns = [
      { title: "NAME", value: (row: { name: string }) => row.name },
      { title: "LENGTH", align: "right" as const, value: (row: { name: string }) => String(row.name.length) },
    ];
    const rows = [{ name: "a" }, { name: "red\x1b[31m\n" }];
    expect(renderTable(columns, rows, { hasColors: false })).toBe(
      "NAME           LENGTH\na                   1\nred\\x1b[31m\\n       9\n",
    );
    expect(printable("\x9b2J\r\t")).toBe("\\x9b2J\\r\\t");
  });
});

describe("lines", () => {
  it("are values, or keys and values", () => {
    const line = Buffer.from("a=b=c");
    expect(lineParser({})(line, 1)).toEqual({ value: line });
    const parse = lineParser({ keySeparator: parseSeparator("="), nullValue: "-", partition: 3 });
    expect(parse(line, 1)).toEqual({ key: Buffer.from("a"), value: Buffer.from("b=c"), partition: 3 });
    expect(parse(Buffer.from("=-"), 1)).toMatchObject({ key: Buffer.alloc(0), value: null });
    expect(() => parse(Buffer.from("a"), 17)).toThrow('line 17 has no key separator "="');
  });

  it("may be separated by bytes that are hard to type", () => {
    expect(parseSeparator("\\t")).toEqual(Buffer.from("\t"));
    expect(parseSeparator("\\x00\\xff|\\\\")).toEqual(Buffer.from([0, 255, 0x7c, 0x5c]));
    for (const text of ["", "\\q", "\\", "\\x0"]) expect(() => parseSeparator(text), text).toThrow();
  });
});

describe("JSON lines", () => {
  const parse = (text: string) => jsonParser({ partition: 9 })(Buffer.from(text), 4);

  it("give every field of a record", () => {
    const record = parse(
      '{"key":"k","value":{"a":[1,null]},"headers":[{"key":"h","value":null},{"key":"h","valueBase64":"/w=="}],' +
        '"timestamp":"2026-01-31T12:00:00Z","partition":2,"topic":"ignored","offset":7}',
    );
    expect(record).toEqual({
      key: "k",
      value: '{"a":[1,null]}',
      headers: [
        { key: "h", value: null },
        { key: "h", value: Buffer.from([255]) },
      ],
      timestampMs: Date.UTC(2026, 0, 31, 12),
      partition: 2,
    });
    expect(parse('{"valueBase64":"AAE=","headers":{"a":"b"}}')).toEqual({
      key: null,
      value: Buffer.from([0, 1]),
      headers: [{ key: "a", value: Buffer.from("b") }],
      partition: 9,
    });
  });

  it("keep JSON exactly as it is written, above all its numbers", () => {
    const texts = [
      "12345678901234567890",
      "-9007199254740993",
      "1.0",
      "1e400",
      "0.10000000000000000555",
      '{"id": 9007199254740993, "id": [1.50, {"a\\"}": "\\\\"}, "]"]}',
      "[]",
      "true",
    ];
    for (const text of texts) {
      expect(parse(`{"\\u0076alue" : ${text} ,"key":${text}, "offset":1}`)).toMatchObject({
        key: text,
        value: text,
      });
      const expected = { headers: [{ key: "h", value: Buffer.from(text) }] };
      expect(parse(`{"headers":{"h":${text}}}`)).toMatchObject(expected);
      expect(parse(`{"headers":[{"key":"h","value": ${text}}]}`)).toMatchObject(expected);
    }
    expect(parse('{"value":1,"value":2.0}')).toMatchObject({ value: "2.0" });
    expect(parse('{"headers":{"a":"b","aBase64":1.0}}').headers).toEqual([
      { key: "a", value: Buffer.from("b") },
      { key: "aBase64", value: Buffer.from("1.0") },
    ]);
  });

  it("keep any JSON as it is written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom("", " ", "\t"), (content, space) => {
        const text = JSON.stringify(content, undefined, space);
        const record = parse(`{"key":${space}${text}${space},${space}"headers":[]}`);
        expect(record.key).toBe(typeof content === "string" || content === null ? content : text);
      }),
    );
  });

  it("add their headers to those of the command and go before its partition", () => {
    const headers = [{ key: "source", value: Buffer.from("command") }];
    const both = jsonParser({ partition: 9, headers });
    const line = '{"headers":{"source":"line","more":"x"},"partition":2}';
    expect(both(Buffer.from(line), 1)).toMatchObject({
      partition: 2,
      headers: [
        ...headers,
        { key: "source", value: Buffer.from("line") },
        { key: "more", value: Buffer.from("x") },
      ],
    });
    expect(both(Buffer.from("{}"), 1)).toMatchObject({ partition: 9, headers });
    expect(both(Buffer.from('{"headers":[]}'), 1)).toMatchObject({ headers });
  });

  it("are refused by their number where they are no record", () => {
    const wrong: Record<string, RegExp> = {
      "{": /JSON/,
      "[]": /it must be a JSON object/,
      null: /it must be a JSON object/,
      '{"vaule":1}': /field "vaule" is not known; known are key, /,
      '{"key":"a","keyBase64":"YQ=="}': /exclude each other/,
      '{"valueBase64":"?"}': /"valueBase64" must be text in base64/,
      '{"partition":-1}': /"partition" is -1/,
      '{"partition":1.5}': /"partition" is 1.5/,
      '{"partition":9007199254740993}': /"partition" is 9007199254740993/,
      '{"timestamp":1e400}': /"timestamp" is 1e400/,
      '{"timestamp":"yesterday"}': /"timestamp" is "yesterday"/,
      '{"timestamp":-5}': /"timestamp" is -5/,
      '{"headers":"a"}': /"headers" must be a JSON object/,
      '{"headers":[{"value":"a"}]}': /a header needs a "key" of text/,
    };
    for (const [text, problem] of Object.entries(wrong)) {
      expect(() => parse(text), text).toThrow(problem);
      expect(() => parse(text), text).toThrow(/^line 4 is no record: /);
    }
  });

  it("read back what consume prints, whatever the bytes", () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array)));
    const record = fc.record({
      offset: fc.nat(),
      timestampMs: fc.nat(),
      key: bytes,
      value: bytes,
      headers: fc.array(fc.record({ key: fc.string(), value: bytes })),
    });
    fc.assert(
      fc.property(record, (given) => {
        const read = jsonParser({})(Buffer.from(JSON.stringify(recordFields(given))), 1);
        const asBytes = (content: unknown) =>
          typeof content === "string" ? Buffer.from(content) : (content as Buffer | null);
        expect({ ...read, key: asBytes(read.key), value: asBytes(read.value) }).toEqual({
          key: given.key,
          value: given.value,
          headers: given.headers,
          timestampMs: given.timestampMs,
        });
      }),
    );
  });
});

describe("formats", () => {
  it("are refused where they are not known", () => {
    for (const format of ["%z", "%", "50%", "\\q", "\\"]) {
      expect(() => compileFormat(format, Buffer.alloc(0)), format).toThrow(/is not known; allowed are/);
    }
  });
});
