import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { millrace } from "../../src/gen/millrace.js";
import { decodePublishRequest, encodePublishRequest, WireFormatError } from "../../src/wire/index.ts";

const { PublishRequest, ProduceRequest } = millrace.v1;
const fields = fc.record({
  topic: fc.string({ unit: "binary", maxLength: 300 }),
  partition: fc.oneof(fc.nat(), fc.constant(-1), fc.integer()),
  batch: fc.uint8Array({ maxLength: 500 }),
  durability: fc.integer({ min: 0, max: 5 }),
});

describe("PublishRequest", () => {
  it("is gathered into the bytes that the generated encoder gives", () => {
    fc.assert(
      fc.property(fields, (request) => {
        const expected = Buffer.from(PublishRequest.encode(request).finish());
        expect(encodePublishRequest(request).toBuffer()).toEqual(expected);
      }),
    );
  });

  it("gathers a batch in pieces as if it were whole", () => {
    const pieces = [Buffer.from("ab"), Buffer.alloc(0), Buffer.from("cdef")];
    const whole = encodePublishRequest({ topic: "t", partition: 0, batch: Buffer.from("abcdef") });
    const inPieces = encodePublishRequest({ topic: "t", partition: 0, batch: pieces });
    expect(inPieces.toBuffer()).toEqual(whole.toBuffer());
  });

  it("is decoded as the generated decoder does", () => {
    fc.assert(
      fc.property(fields, (request) => {
        const frame = Buffer.from(ProduceRequest.encode(request).finish());
        const decoded = decodePublishRequest(frame);
        expect({ ...decoded, batch: [...decoded.batch!] }).toEqual({
          ...request,
          batch: [...request.batch],
          records: undefined,
          frameBytes: frame.length,
        });
      }),
    );
  });

  it("views the batch in the frame instead of copying it", () => {
    const frame = encodePublishRequest({ topic: "t", partition: 1, batch: Buffer.from("batch") }).toBuffer();
    const { batch } = decodePublishRequest(frame);
    expect(batch!.buffer).toBe(frame.buffer);
    expect(batch!.toString()).toBe("batch");
  });

  it("has no partition and no payload if none was sent", () => {
    expect(decodePublishRequest(Buffer.from([0x0a, 1, 0x74]))).toEqual({
      topic: "t",
      partition: undefined,
      durability: 0,
      batch: undefined,
      records: undefined,
      frameBytes: 3,
    });
  });

  it("keeps the last payload of several and merges record sets", () => {
    const records = (text: string) => [0x1a, text.length, ...Buffer.from(text)];
    const batch = (text: string) => [0x22, text.length, ...Buffer.from(text)];
    const last = (...parts: number[][]) => decodePublishRequest(Buffer.from(parts.flat()));
    expect(last(records("a"), batch("b")).batch!.toString()).toBe("b");
    expect(last(records("a"), batch("b")).records).toBeUndefined();
    expect(last(batch("b"), records("a"), records("c")).records!.join()).toBe("a,c");
    expect(last(batch("b"), records("a")).batch).toBeUndefined();
  });

  it("takes a record set in 64 pieces and refuses one in more", () => {
    const pieces = (count: number) => Buffer.alloc(2 * count, Buffer.from([0x1a, 0]));
    expect(decodePublishRequest(pieces(64)).records).toHaveLength(64);
    expect(() => decodePublishRequest(pieces(65))).toThrow("more than 64 pieces");
    const replaced = Buffer.concat([pieces(64), Buffer.from([0x22, 0]), pieces(64)]);
    expect(decodePublishRequest(replaced).records).toHaveLength(64);
  });

  it("drops unknown fields of every wire type", () => {
    const unknown = [
      [0x38, 0xff, 1],
      [0x3a, 2, 1, 2],
      [0x3d, 1, 2, 3, 4],
      [0x39, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    const topicOfWrongType = [0x08, 5];
    const frame = Buffer.from([...unknown.flat(), ...topicOfWrongType, 0x0a, 1, 0x74]);
    expect(decodePublishRequest(frame).topic).toBe("t");
  });

  it.each([
    ["a truncated tag", [0x80]],
    ["a field number of 0", [0x02, 0]],
    ["a length beyond the end", [0x0a, 5, 0x74]],
    ["a length without end", [0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
    ["a truncated partition", [0x10, 0xff]],
    ["a topic that is not UTF-8", [0x0a, 2, 0xc3, 0x28]],
    ["a group", [0x3b, 0x3c]],
    ["a truncated unknown field", [0x3d, 1, 2]],
  ])("with %s is refused", (_, bytes) => {
    expect(() => decodePublishRequest(Buffer.from(bytes))).toThrow(WireFormatError);
  });

  it("never reads beyond its end or fails in another way, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const surrounded = Buffer.concat([Buffer.alloc(8, 0xff), bytes, Buffer.alloc(8, 0xff)]);
        const frame = surrounded.subarray(8, 8 + bytes.length);
        try {
          const { batch } = decodePublishRequest(frame);
          expect(batch?.length ?? 0).toBeLessThanOrEqual(frame.length);
        } catch (error) {
          expect(error).toBeInstanceOf(WireFormatError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("accepts the replacement character where it was really sent", () => {
    const frame = Buffer.from(PublishRequest.encode({ topic: "a\ufffdb" }).finish());
    expect(decodePublishRequest(frame).topic).toBe("a\ufffdb");
  });
});
