/** A partition. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A place in a partition: its two ends, an offset, or the first record at or after a time. */
export type StartPosition = "start" | "end" | number | { readonly timestampMs: number };
