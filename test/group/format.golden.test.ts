/** The bytes of FORMAT.md: records that brokers have written must be readable for ever. */
import { describe, expect, it } from "vitest";
import {
  assignmentRecord,
  groupRecord,
  memberRecord,
  memberTombstones,
  readAssignment,
  readGroup,
  readMember,
} from "../../src/group/storage/group-record.ts";
import { offsetRecord, readOffset } from "../../src/group/storage/offset-record.ts";
import type { GroupRecord } from "../../src/group/index.ts";
import { readRecordKey } from "../../src/group/storage/record-key.ts";

const GROUP = { groupEpoch: 12, assignor: "uniform", emptySinceMs: 1_700_000_000_000 } as const;
const OFFSET = {
  topicId: "0123456789abcdef0123456789abcdef",
  committed: { offset: 42, metadata: 'a "note"', committedAtMs: 1_700_000_000_000, expired: false },
};
const TERMS = {
  memberId: "m-1",
  instanceId: "host-1",
  replacedMemberId: undefined,
  clientId: "billing",
  subscription: { topics: ["orders", "refunds"], topicPattern: "pay.*" },
  assignor: "range",
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 300_000,
} as const;
const ASSIGNMENT = {
  memberId: "m-1",
  joinEpoch: 3,
  memberEpoch: 12,
  assigned: [
    { topic: "orders", topicId: "aa", partition: 0, epoch: 3, revoking: false },
    { topic: "orders", topicId: "aa", partition: 2, epoch: 5, revoking: true },
    { topic: "refunds", topicId: "bb", partition: 0, epoch: 12, revoking: false },
  ],
  target: [
    { topic: "orders", topicId: "aa", partition: 0 },
    { topic: "refunds", topicId: "bb", partition: 0 },
  ],
} as const;

const text = ({ key, value }: GroupRecord) => [String(key), value === null ? null : String(value)];

describe("records of the groups' log", () => {
  it("are these bytes", () => {
    expect(text(groupRecord("g", GROUP))).toEqual([
      '{"type":"group","group":"g"}',
      '{"v":1,"groupEpoch":12,"assignor":"uniform","emptySinceMs":1700000000000}',
    ]);
    expect(text(groupRecord("g", { ...GROUP, emptySinceMs: undefined }))[1]).toBe(
      '{"v":1,"groupEpoch":12,"assignor":"uniform"}',
    );
    expect(text(offsetRecord("g", "orders", 3, OFFSET))).toEqual([
      '{"type":"offset","group":"g","topic":"orders","partition":3}',
      '{"v":1,"topicId":"0123456789abcdef0123456789abcdef","offset":42,"metadata":"a \\"note\\"","committedAtMs":1700000000000,"expired":false}',
    ]);
    expect(text(groupRecord("g", { ...GROUP, emptySinceMs: undefined, isUnfinished: true }))[1]).toBe(
      '{"v":1,"groupEpoch":12,"assignor":"uniform","unfinished":true}',
    );
    expect(text(memberRecord("g", TERMS))).toEqual([
      '{"type":"member","group":"g","memberId":"m-1"}',
      '{"v":1,"instanceId":"host-1","clientId":"billing","assignor":"range","sessionTimeoutMs":45000,' +
        '"rebalanceTimeoutMs":300000,"topics":["orders","refunds"],"topicPattern":"pay.*"}',
    ]);
    expect(text(assignmentRecord("g", ASSIGNMENT))).toEqual([
      '{"type":"assignment","group":"g","memberId":"m-1"}',
      '{"v":1,"joinEpoch":3,"memberEpoch":12,"assigned":[{"topic":"orders","topicId":"aa",' +
        '"partitions":[0,2],"epochs":[3,5],"revoking":[2]},{"topic":"refunds","topicId":"bb","partitions":[0],"epochs":[12],"revoking":[]}],' +
        '"target":[{"topic":"orders","topicId":"aa","partitions":[0]},{"topic":"refunds","topicId":"bb",' +
        '"partitions":[0]}]}',
    ]);
    expect(memberTombstones("g", "m-1").map(text)).toEqual([
      ['{"type":"assignment","group":"g","memberId":"m-1"}', null],
      ['{"type":"member","group":"g","memberId":"m-1"}', null],
    ]);
    expect(offsetRecord("g", "orders", 3, undefined).value).toBeNull();
    expect(groupRecord("g", undefined).value).toBeNull();
  });

  it("are read back as they were", () => {
    expect(readGroup(groupRecord("g", GROUP).value!)).toEqual({ ...GROUP, isUnfinished: false });
    const unfinished = { ...GROUP, isUnfinished: true };
    expect(readGroup(groupRecord("g", unfinished).value!)).toEqual(unfinished);
    expect(readOffset(offsetRecord("g", "orders", 3, OFFSET).value!)).toEqual(OFFSET);
    expect(readMember("m-1", memberRecord("g", TERMS).value!)).toEqual(TERMS);
    expect(readAssignment("m-1", assignmentRecord("g", ASSIGNMENT).value!)).toEqual(ASSIGNMENT);
    expect(memberTombstones("g", "m-1").map(({ key }) => readRecordKey(key))).toEqual([
      { type: "assignment", group: "g", memberId: "m-1" },
      { type: "member", group: "g", memberId: "m-1" },
    ]);
  });

  it.each([
    ["no JSON", "{"],
    ["a list", "[]"],
    ["a later version", '{"v":2,"topicId":"a","offset":1,"metadata":"","committedAtMs":1,"expired":false}'],
    [
      "a negative offset",
      '{"v":1,"topicId":"a","offset":-1,"metadata":"","committedAtMs":1,"expired":false}',
    ],
    ["no topic id", '{"v":1,"offset":1,"metadata":"","committedAtMs":1,"expired":false}'],
    ["a flag that is none", '{"v":1,"topicId":"a","offset":1,"metadata":"","committedAtMs":1,"expired":0}'],
    ["inherited fields", '{"__proto__":{"v":1,"topicId":"a"},"offset":1}'],
  ])("with %s are refused as damage", (_what, json) => {
    expect(() => readOffset(Buffer.from(json))).toThrow(expect.objectContaining({ reason: "LOG_CORRUPT" }));
  });
});
