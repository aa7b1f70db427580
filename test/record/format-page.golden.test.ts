import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as record from "../../src/record/index.ts";
import { goldenBytes } from "./golden-batches.ts";

const page = readFileSync(new URL("../../src/record/FORMAT.md", import.meta.url), "utf8");

/** Rows of the batch table: position, size, field. */
const fields = [...page.matchAll(/^\| (\d+) \| (\d+|…) \| ([^|]+) \|/gm)].map((row) => ({
  position: Number(row[1]),
  size: Number(row[2]),
  name: row[3]!,
}));

/** Rows of the example: position and bytes. */
const example = page.slice(page.indexOf("## Example"));
const lines = [...example.matchAll(/^ ?(\d+) {2}((?:[0-9a-f]{2} )+) *(\D.*)$/gm)].map((row) => ({
  position: Number(row[1]),
  bytes: Buffer.from(row[2]!.replaceAll(" ", ""), "hex"),
  text: row[3]!,
}));

const constants: Readonly<Record<string, number>> = {
  "base offset": record.BASE_OFFSET_AT,
  "batch length": record.BATCH_LENGTH_AT,
  "leader epoch": record.LEADER_EPOCH_AT,
  magic: record.MAGIC_AT,
  CRC: record.CRC_AT,
  attributes: record.ATTRIBUTES_AT,
  "last offset delta": record.LAST_OFFSET_DELTA_AT,
  "base timestamp": record.BASE_TIMESTAMP_AT,
  "max timestamp": record.MAX_TIMESTAMP_AT,
  "producer id": record.PRODUCER_ID_AT,
  "producer epoch": record.PRODUCER_EPOCH_AT,
  "base sequence": record.BASE_SEQUENCE_AT,
  "record count": record.RECORD_COUNT_AT,
  records: record.BATCH_HEADER_BYTES,
};

describe("FORMAT.md", () => {
  it("gives the positions that the code uses, each field beginning where the one before ends", () => {
    expect(Object.fromEntries(fields.map(({ name, position }) => [name, position]))).toEqual(constants);
    for (let index = 1; index < fields.length; index++) {
      const before = fields[index - 1]!;
      expect(fields[index]!.position, fields[index]!.name).toBe(before.position + before.size);
    }
  });

  it("shows as its example the bytes that Kafka made", () => {
    const bytes = Buffer.concat(lines.map((line) => line.bytes));
    expect(bytes.toString("hex")).toBe(goldenBytes("example").toString("hex"));
  });

  it("numbers the lines of its example rightly and cuts them at the fields", () => {
    let position = 0;
    for (const line of lines) {
      expect(line.position, line.text).toBe(position);
      position += line.bytes.length;
    }
    const cuts = lines.map((line) => line.position).filter((cut) => cut <= record.BATCH_HEADER_BYTES);
    expect(cuts).toEqual(fields.map((field) => field.position));
  });

  it("lists the codecs by their numbers", () => {
    const listed = record.COMPRESSIONS.map((name, number) => `${number} ${name}`).join(", ");
    expect(page).toContain(`codec: ${listed}`);
  });
});
