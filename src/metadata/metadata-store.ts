/**
 * What a cluster knows about itself, behind a port: LevelDB for the single node, memory for tests and in-memory
 * brokers, etcd for clusters later. Hence everything is asynchronous, and whatever two brokers could change at once
 * names the version it replaces.
 *
 * A call that returned is durable (as far as the store is: memory lasts as long as its object). A call that failed
 * with anything but a conflict may have taken effect. Calls may overlap; they take effect one after another.
 */
export interface MetadataStore {
  /**
   * Opens the store and creates it, with a fresh cluster id, if it is not there. Throws StoreLockedError if another
   * process or object has it open, StoreDamagedError if it cannot be understood, StoreFailedError if the system
   * refuses.
   */
  open(): Promise<void>;
  /** Closes it; `open` may be called again. Nothing happens if it is not open. */
  close(): Promise<void>;
  /** Identity of the cluster, 32 lowercase hexadecimal digits; the same for ever. */
  readonly clusterId: string;

  /** All topics in order of names, whatever their state. Throws StoreDamagedError. */
  loadTopics(): Promise<TopicMetadata[]>;
  /**
   * Stores a topic in place of the version `replaces`, or as a new one if that is undefined, and returns it with
   * its new version. Throws TopicConflictError, having changed nothing, if another version is there.
   */
  putTopic(topic: TopicValues, replaces: number | undefined): Promise<TopicMetadata>;
  /** Removes a topic. Nothing happens if none has the name; throws TopicConflictError if it has another id. */
  deleteTopic(name: string, topicId: string): Promise<void>;

  /** A number above all it returned before, counted up at each start of the broker: 0, 1, 2, … */
  nextBrokerEpoch(): Promise<number>;
  /** A block of producer ids that nobody else has or gets, used or not. */
  allocateProducerIds(): Promise<ProducerIdBlock>;
}

/** Stages of a topic's life. creating: its folders may be missing. deleting: its folders may still be there. */
export const TOPIC_STATES = ["creating", "active", "deleting"] as const;
/** One of the stages. */
export type TopicState = (typeof TOPIC_STATES)[number];

/** What is stored of a topic. */
export interface TopicValues {
  readonly name: string;
  /** 32 lowercase hexadecimal digits; never given to another topic, also of the same name. */
  readonly topicId: string;
  readonly state: TopicState;
  /** 1 or more. */
  readonly partitionCount: number;
  /** Configs set on the topic, by Kafka's names. */
  readonly configs: Readonly<Record<string, string>>;
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMs: number;
}

/** A topic as stored. */
export interface TopicMetadata extends TopicValues {
  /** Grows with each put; never used again, also if the topic is deleted and created anew. */
  readonly version: number;
}

/** Ids from `first` (inclusive) to `first + count` (exclusive). */
export interface ProducerIdBlock {
  readonly first: number;
  readonly count: number;
}

/** Producer ids handed out at once: one durable write per so many producers. */
export const PRODUCER_ID_BLOCK_SIZE = 1_000;
