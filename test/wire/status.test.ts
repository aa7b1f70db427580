import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { MillraceError, REASONS, type Reason } from "../../src/errors/index.ts";
import { google } from "../../src/gen/millrace.js";
import { errorToMessage, errorToStatus, messageToError, statusToError } from "../../src/wire/index.ts";

const allReasons = Object.keys(REASONS) as Reason[];

describe("errors on the wire", () => {
  it.each(allReasons)("%s comes back with code, text, details, retry and effect", (reason) => {
    const sent = new MillraceError(reason, `it failed: ${reason}`, { details: { field: "x", max: 5 } });
    for (const received of [statusToError(errorToStatus(sent)), messageToError(errorToMessage(sent))]) {
      expect(received).toMatchObject({
        reason,
        message: sent.message,
        details: { field: "x", max: "5" },
        effect: sent.effect,
        code: sent.code,
        retry: sent.retry,
      });
    }
  });

  it("an effect that differs from the reason's comes back and leaves no detail", () => {
    const sent = new MillraceError("STORAGE_OFFLINE", "offline", { effect: "none", details: { topic: "t" } });
    const received = statusToError(errorToStatus(sent));
    expect(received.effect).toBe("none");
    expect(received.details).toEqual({ topic: "t" });
  });

  it("the status carries ErrorInfo of our domain, and RetryInfo where a later try helps", () => {
    const overloaded = errorToMessage(new MillraceError("OVERLOADED", "too much"));
    const types = overloaded.details!.map((detail) => detail.type_url);
    expect(types).toEqual([
      "type.googleapis.com/google.rpc.ErrorInfo",
      "type.googleapis.com/google.rpc.RetryInfo",
    ]);
    expect(google.rpc.ErrorInfo.decode(overloaded.details![0]!.value!)).toMatchObject({
      reason: "OVERLOADED",
      domain: "millrace",
    });
    const retry = google.rpc.RetryInfo.decode(overloaded.details![1]!.value!);
    expect(retry.retryDelay!.nanos).toBe(200_000_000);
    expect(errorToMessage(new MillraceError("INVALID_REQUEST", "no")).details).toHaveLength(1);
  });

  it("the cause stays here", () => {
    const cause = new Error("secret path");
    const status = errorToStatus(new MillraceError("INTERNAL", "failed", { cause }));
    expect(JSON.stringify([status.details, status.metadata.toJSON()])).not.toContain("secret");
  });

  it("a status fits the trailers of every client, however long and strange its texts are", () => {
    const long = "\u{1f600}\ud800".repeat(5_000);
    const status = errorToStatus(
      new MillraceError("INVALID_REQUEST", long, {
        details: Object.fromEntries([..."abcdefghij"].map((name) => [name, long])),
      }),
    );
    expect(encodeURI(status.details).length).toBeLessThan(2_000);
    const details = status.metadata.get("grpc-status-details-bin")[0] as Buffer;
    expect(details.length).toBeLessThan(3_000);
    expect(statusToError(status).reason).toBe("INVALID_REQUEST");
  });

  it("failures that others made get the nearest reason, with an unknown effect", () => {
    const reason = (code: number) => statusToError({ code, details: "x", metadata: new Metadata() }).reason;
    expect([1, 4, 8, 12, 14, 13, 2, 16].map(reason)).toEqual([
      "CANCELLED",
      "DEADLINE_EXCEEDED",
      "OVERLOADED",
      "UNIMPLEMENTED",
      "DISCONNECTED",
      "INTERNAL",
      "INTERNAL",
      "INTERNAL",
    ]);
    expect(statusToError({ code: 8, details: "x" }).effect).toBe("unknown");
  });

  it("damaged or foreign details fall back to the code", () => {
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff]));
    expect(statusToError({ code: 4, details: "late", metadata })).toMatchObject({
      reason: "DEADLINE_EXCEEDED",
      message: "late",
    });
    const foreign = google.rpc.ErrorInfo.encode({ reason: "INTERNAL", domain: "elsewhere" }).finish();
    const details = [{ type_url: "type.googleapis.com/google.rpc.ErrorInfo", value: foreign }];
    expect(messageToError({ code: 14, message: "gone", details }).reason).toBe("DISCONNECTED");
  });
});
