import type { Clock } from "../base/index.ts";
import type { PartitionLog } from "../log/index.ts";
import { partitionForKey } from "../record/index.ts";
import { StreamAppender } from "./append/stream-appender.ts";
import { checkAppend, checkRead } from "./command-checks.ts";
import type { PartitionIndex } from "./partition/partition-index.ts";
import { Slots } from "./partition/slots.ts";
import { describeRecords } from "./read/describe-records.ts";
import { StreamReader } from "./read/stream-reader.ts";
import { notIndexed } from "./stream-errors.ts";
import type { StreamIndex } from "./stream-index.ts";
import type {
  AppendedEvents,
  AppendEventsCommand,
  DescribedRecords,
  ReadStreamQuery,
  RecordsToDescribe,
  RevisionConflict,
  StreamReading,
  StreamsApi,
} from "./types.ts";

/** Groups of events read from logs at the same time, of all readers together. */
const READS_MAX = 8;

/** The topics, as streams see them. */
export interface StreamTopics {
  /** Throws TOPIC_NOT_FOUND. */
  partitionCount(topic: string): number;
  /** Throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND or why the partition is offline. */
  log(topic: string, partition: number): PartitionLog;
}

/** What the streams stand on. */
export interface StreamsOptions {
  readonly index: StreamIndex;
  readonly topics: StreamTopics;
  readonly clock: Clock;
}

/** Event-sourced streams of the topics of one broker. */
export class Streams implements StreamsApi {
  readonly #options: StreamsOptions;
  readonly #slots = new Slots(READS_MAX);
  readonly #appender: StreamAppender;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.#appender = new StreamAppender({ clock: options.clock, slots: this.#slots });
  }

  async append(command: AppendEventsCommand): Promise<AppendedEvents | RevisionConflict> {
    checkAppend(command);
    const index = this.#indexOf(command.topic, command.stream);
    return explaining(index, this.#appender.append(index, command));
  }

  async read(query: ReadStreamQuery): Promise<StreamReading> {
    checkRead(query);
    const index = this.#indexOf(query.topic, query.stream);
    return explaining(index, StreamReader.open({ index, query, slots: this.#slots }));
  }

  describeRecords(records: RecordsToDescribe): DescribedRecords {
    return describeRecords(this.#require(records.topic, records.partition), records);
  }

  /** The partition that has the stream. */
  #indexOf(topic: string, stream: Uint8Array): PartitionIndex {
    return this.#require(topic, partitionForKey(stream, this.#options.topics.partitionCount(topic)));
  }

  #require(topic: string, partition: number): PartitionIndex {
    const { index, topics } = this.#options;
    const found = index.find(topics.log(topic, partition));
    if (found === undefined) throw notIndexed(topic);
    return found;
  }
}

async function explaining<T>(index: PartitionIndex, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw index.explained(error);
  }
}
