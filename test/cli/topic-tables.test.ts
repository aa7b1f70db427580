import { expect, it } from "vitest";
import { topicText } from "../../cli/output/topic-tables.ts";
import type { PartitionDescription } from "../../src/index.ts";

const open: PartitionDescription = {
  partition: 0,
  leader: 0,
  endpoint: "127.0.0.1:7171",
  leaderEpoch: 3,
  logStartOffset: 0,
  highWatermark: 12,
  logEndOffset: 12,
  bytes: 340,
  offlineReason: undefined,
};

/** What follows the epoch in the row of the partition. */
function rowOf(partition: PartitionDescription): string {
  const topic = { name: "t", topicId: "0", configs: [], partitions: [partition] };
  const text = topicText(topic, { hasColors: false });
  return /7171 +3 +(.*?) *$/m.exec(text)![1]!.replaceAll(/ +/g, " ");
}

it("a partition that could not be opened shows no offsets: zeros would say that it is empty", () => {
  expect(rowOf(open)).toBe("0 12 12 340 B online");
  const failedLater = { ...open, offlineReason: "STORAGE_OFFLINE" };
  expect(rowOf(failedLater)).toBe("0 12 12 340 B offline: STORAGE_OFFLINE");
  const neverOpened = { ...failedLater, highWatermark: 0, logEndOffset: 0, bytes: 0 };
  expect(rowOf(neverOpened)).toBe("- - - - offline: STORAGE_OFFLINE");
  const empty = { ...open, highWatermark: 0, logEndOffset: 0, bytes: 0 };
  expect(rowOf(empty)).toBe("0 0 0 0 B online");
});
