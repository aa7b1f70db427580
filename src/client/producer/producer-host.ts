/** What the parts of a producer need of it. The producer implements this; the parts do not know the producer. */
import type { Clock, Random } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";
import type { ProducerIdentity } from "../cluster/cluster.ts";
import type { BatchOwner, BatchReceipt, OutgoingBatch } from "./outgoing-batch.ts";
import type { ProducerSettings } from "./producer-settings.ts";
import type { PublishStream } from "./publish-stream.ts";

export interface ProducerHost {
  readonly settings: ProducerSettings;
  readonly clock: Clock;
  readonly random: Random;
  /** A new batch of at most `bytesMax`; undefined if there is no room. */
  openBatch(owner: BatchOwner, bytesMax: number): OutgoingBatch | undefined;
  /** The queue began to collect a batch: its `due` is to be called when that has waited long enough. */
  collecting(queue: Collecting): void;
  /** Takes back a batch that stayed empty. */
  discardBatch(batch: OutgoingBatch): void;
  /** The stream to the partition's leader. Throws NOT_LEADER, PARTITION_NOT_FOUND, TOPIC_NOT_FOUND. */
  streamTo(topic: string, partition: number): PublishStream;
  /** Asks for the topic's metadata again. */
  refresh(topic: string): Promise<void>;
  /** The identity that the partitions share; undefined if it was not asked for yet. */
  readonly sharedIdentity: ProducerIdentity | undefined;
  /** The identity that the partitions share. */
  obtainSharedIdentity(): Promise<ProducerIdentity>;
  /** An identity that was never used. */
  obtainFreshIdentity(): Promise<ProducerIdentity>;
  /** A batch is sent, for the first time or again. */
  sent(batch: OutgoingBatch): void;
  /** Something failed and is going to be tried again. */
  retrying(error: MillraceError): void;
  succeeded(batch: OutgoingBatch, receipt: BatchReceipt): void;
  /** The batch is given up. */
  failed(batch: OutgoingBatch, error: MillraceError): void;
}

/** Something that collects a batch. */
export interface Collecting {
  readonly open: OutgoingBatch | undefined;
  due(): void;
}
