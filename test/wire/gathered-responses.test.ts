import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { millrace } from "../../src/gen/millrace.js";
import { encodeDelivery, encodeFetchResponse } from "../../src/wire/index.ts";

const { ConsumeResponse, FetchResponse, SubscribeResponse, Delivery, FetchedPartition } = millrace.v1;
const offset = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constant(2 ** 31), fc.constant(2 ** 32));
const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 3 });
const place = {
  topic: fc.string({ unit: "binary", maxLength: 200 }),
  partition: fc.nat(10_000),
  logStartOffset: offset,
  highWatermark: offset,
  nextOffset: offset,
};

describe("gathered responses", () => {
  it("deliveries of batches have the bytes that the generated encoder gives", () => {
    const delivery = fc.record({
      ...place,
      assignmentId: offset,
      chargedRecords: fc.nat(),
      chargedBytes: fc.nat(),
    });
    fc.assert(
      fc.property(delivery, chunks, (fields, parts) => {
        const response = { delivery: { ...fields, batches: Buffer.concat(parts) } };
        const gathered = { ...fields, content: { form: "batches", chunks: parts } } as const;
        const subscribed = Buffer.from(SubscribeResponse.encode(response).finish());
        expect(encodeDelivery("subscribe", gathered).toBuffer()).toEqual(subscribed);
        const consumed = Buffer.from(ConsumeResponse.encode(response).finish());
        expect(encodeDelivery("consume", gathered).toBuffer()).toEqual(consumed);
      }),
    );
  });

  it("deliveries of structured records carry them as they were encoded", () => {
    const records = [{ offset: 7, value: Buffer.from("v") }, { offset: 8 }];
    const fields = Buffer.from(Delivery.encode({ records }).finish());
    const numbers = {
      assignmentId: 1,
      logStartOffset: 0,
      highWatermark: 9,
      nextOffset: 9,
      chargedRecords: 2,
    };
    const delivery = { topic: "t", partition: 3, ...numbers, chargedBytes: 70 };
    const expected = SubscribeResponse.encode({ delivery: { ...delivery, records } }).finish();
    const gathered = encodeDelivery("subscribe", { ...delivery, content: { form: "records", fields } });
    expect(gathered.toBuffer()).toEqual(Buffer.from(expected));
  });

  it("fetch responses have the bytes that the generated encoder gives", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.record(place), chunks), { maxLength: 4 }), (parts) => {
        const expected = FetchResponse.encode({
          partitions: parts.map(([fields, batches]) =>
            batches.length > 0 ? { ...fields, batches: Buffer.concat(batches) } : fields,
          ),
        });
        const gathered = encodeFetchResponse(
          parts.map(([fields, batches]) => ({ ...fields, content: { form: "batches", chunks: batches } })),
        );
        expect(gathered.toBuffer()).toEqual(Buffer.from(expected.finish()));
      }),
    );
  });

  it("fetch responses carry the error of one partition beside the records of another", () => {
    const error = { code: 5, message: "no such topic" };
    const records = [{ offset: 1, key: Buffer.alloc(0) }];
    const expected = FetchResponse.encode({
      partitions: [
        { topic: "a", partition: 1, error },
        { topic: "b", nextOffset: 2, records },
      ],
    });
    const gathered = encodeFetchResponse([
      { topic: "a", partition: 1, error: Buffer.from([0x08, 5, 0x12, 13, ...Buffer.from("no such topic")]) },
      {
        topic: "b",
        partition: 0,
        nextOffset: 2,
        content: { form: "records", fields: Buffer.from(FetchedPartition.encode({ records }).finish()) },
      },
    ]);
    expect(gathered.toBuffer()).toEqual(Buffer.from(expected.finish()));
  });
});
