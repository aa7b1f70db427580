import type { MillraceError } from "../../errors/index.ts";
import type { ProducerRecord } from "../api/producer.ts";
import { partitionNotFound, type TopicMetadata } from "../cluster/topic-metadata.ts";
import type { OutgoingBatch } from "./outgoing-batch.ts";
import { PartitionChooser, type Partitions } from "./partition-chooser.ts";
import { PartitionQueue } from "./partition-queue.ts";
import type { ProducerHost } from "./producer-host.ts";
import { type LineEvents, WaitingLine } from "./waiting-line.ts";

/** The queues of one topic, and those that wait to get a record into them. */
export class TopicQueues implements Partitions {
  readonly topic: string;
  /** Waits for metadata or room. Who comes later must not overtake. */
  readonly line: WaitingLine;
  /** Why metadata could not be had, for those that wait in vain. */
  lastFailure: MillraceError | undefined;
  readonly #host: ProducerHost;
  readonly #chooser: PartitionChooser;
  readonly #queues: PartitionQueue[] = [];
  #metadata: TopicMetadata | undefined;

  constructor(host: ProducerHost, topic: string, events: LineEvents) {
    this.#host = host;
    this.topic = topic;
    this.line = new WaitingLine(host.clock, events);
    this.#chooser = new PartitionChooser(host.settings.partitioner, host.random);
  }

  /** What is known of the topic; undefined before the first answer. */
  get metadata(): TopicMetadata | undefined {
    return this.#metadata;
  }

  /** Takes over metadata; partitions may have been added. */
  learn(metadata: TopicMetadata): void {
    this.#metadata = metadata;
    this.lastFailure = undefined;
    for (let partition = this.#queues.length; partition < metadata.leaders.length; partition++) {
      this.#queues.push(new PartitionQueue(this.#host, this.topic, partition));
    }
  }

  get count(): number {
    return this.#metadata?.leaders.length ?? 0;
  }

  isCollecting(partition: number): boolean {
    return this.#queues[partition]!.open !== undefined;
  }

  isFlowing(partition: number): boolean {
    return this.#queues[partition]!.isFlowing;
  }

  /**
   * Encodes a record and returns its batch, where it is the last record; undefined if there is no room now, or
   * metadata is not known yet. Throws PARTITION_NOT_FOUND, BATCH_TOO_LARGE, INVALID_REQUEST.
   */
  append(record: ProducerRecord, timestampMs: number): OutgoingBatch | undefined {
    const metadata = this.#metadata;
    if (metadata === undefined) return undefined;
    const named = this.#chooser.named(this.topic, record, metadata.leaders.length);
    for (;;) {
      const queue = this.#queues[named ?? this.#chooser.sticky(this)];
      if (queue === undefined) throw partitionNotFound(metadata, named!);
      if (queue.open === undefined) return queue.begin(record, timestampMs, metadata.batchBytesMax);
      const batch = queue.extend(record, timestampMs);
      if (batch !== undefined) return batch;
    }
  }

  /** Sends whatever is collected. */
  flush(): void {
    for (const queue of this.#queues) queue.due();
  }
}
