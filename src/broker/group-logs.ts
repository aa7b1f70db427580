import { assert, BATCH_BYTES_MAX, type Clock, READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import type { GroupLog, GroupLogs, GroupRecord } from "../group/index.ts";
import { BatchBuilder, iterateBatches, murmur2, RecordCursor } from "../record/index.ts";
import { GROUPS_TOPIC, GROUPS_TOPIC_COMMAND } from "./internal-topics.ts";
import type { Topic, Topics } from "./topics.ts";

/** The groups' logs: the partitions of an internal topic, which is there once there is a group. */
export class InternalGroupLogs implements GroupLogs {
  readonly #topics: Topics;
  readonly #clock: Clock;
  #logs: readonly GroupLog[] | undefined;
  #creating: Promise<readonly GroupLog[]> | undefined;

  constructor(topics: Topics, clock: Clock) {
    this.#topics = topics;
    this.#clock = clock;
  }

  existing(): readonly GroupLog[] | undefined {
    const topic = this.#topics.find(GROUPS_TOPIC);
    if (topic !== undefined) this.#logs ??= this.#logsOf(topic);
    return this.#logs;
  }

  async create(): Promise<readonly GroupLog[]> {
    const existing = this.existing();
    if (existing !== undefined) return existing;
    this.#creating ??= this.#create().finally(() => {
      this.#creating = undefined;
    });
    return this.#creating;
  }

  numberOf(group: string, logCount: number): number {
    return (murmur2(Buffer.from(group)) & 0x7fff_ffff) % logCount;
  }

  async #create(): Promise<readonly GroupLog[]> {
    const topic = await this.#topics.create(GROUPS_TOPIC_COMMAND);
    assert(topic !== undefined, "the topic of groups is created and not only validated");
    this.#logs = this.#logsOf(topic);
    return this.#logs;
  }

  #logsOf(topic: Topic): readonly GroupLog[] {
    const partitions = Array.from({ length: topic.metadata.partitionCount }, (_, partition) => partition);
    return partitions.map((partition) => new PartitionGroupLog(this.#topics, this.#clock, partition));
  }
}

/** A partition of the groups' topic. Every call throws why, if it is offline. */
class PartitionGroupLog implements GroupLog {
  readonly #topics: Topics;
  readonly #clock: Clock;
  readonly #partition: number;

  constructor(topics: Topics, clock: Clock, partition: number) {
    this.#topics = topics;
    this.#clock = clock;
    this.#partition = partition;
  }

  async append(records: readonly GroupRecord[]): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const builder = new BatchBuilder({ bytesMax: BATCH_BYTES_MAX });
    for (const { key, value } of records) {
      assert(builder.append(key, value, nowMs), "an append to the log of groups fits one batch");
    }
    await this.#topics.log(GROUPS_TOPIC, this.#partition).append(builder.build(), "durable");
  }

  async replay(visit: (record: GroupRecord) => void): Promise<void> {
    const log = this.#topics.log(GROUPS_TOPIC, this.#partition);
    const cursor = new RecordCursor();
    for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
      const { chunks, nextOffset, release } = await log.read(offset, READ_CHUNK_BYTES_MAX);
      assert(nextOffset > offset, "below the high watermark there is something to read");
      for (const chunk of chunks) {
        for (const position of iterateBatches(chunk)) {
          cursor.reset(chunk, position);
          while (cursor.next()) if (cursor.offset >= offset) visitRecord(cursor, visit);
        }
      }
      offset = nextOffset;
      release?.();
    }
  }
}

function visitRecord({ key, value }: RecordCursor, visit: (record: GroupRecord) => void): void {
  assert(key !== null, "records of the groups' log have keys");
  visit({ key, value });
}
