import { MillraceError } from "../../errors/index.ts";
import type { AllEventsOptions, StreamEvent } from "../api/streams.ts";
import type { Reader, ReaderOptions } from "../api/reader.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { eventOfRecord } from "./event-of-record.ts";

/** A topic and what reads it. */
export interface TopicParts {
  readonly cluster: Cluster;
  readonly topic: string;
  readonly newReader: (options: ReaderOptions) => Reader;
}

/**
 * Reads a topic's events with a reader, which knows leaders, reconnects and never skips. The revision comes from the
 * records themselves. The partitions are those that there are at the beginning: a topic with streams gets no others.
 */
export async function* allEvents(
  { cluster, topic, newReader }: TopicParts,
  { from = "start", stopAtEnd = false, onCaughtUp, signal }: AllEventsOptions,
): AsyncGenerator<StreamEvent, void, undefined> {
  if (signal?.aborted) return;
  // Each partition has its marks, and after a reconnection marks of what was known.
  let isTold = false;
  const tell = () => {
    if (isTold || !reader.isCaughtUp()) return;
    isTold = true;
    onCaughtUp?.();
  };
  const reader: Reader = newReader({ onCaughtUp: tell });
  const stop = () => void reader.close();
  signal?.addEventListener("abort", stop);
  try {
    await reader.assign([{ topic, from }]);
    const { hasStreams } = await cluster.metadata.get(topic);
    if (!hasStreams) throw notIndexed(topic);
    for await (const record of reader.records({ stopAtEnd })) {
      isTold = false;
      yield eventOfRecord(record);
    }
  } catch (thrown) {
    // Closed while it looked for its positions.
    if (!signal?.aborted || MillraceError.from(thrown).reason !== "CANCELLED") throw thrown;
  } finally {
    signal?.removeEventListener("abort", stop);
    await reader.close();
  }
}

/** As the broker says it to who appends. */
function notIndexed(topic: string): MillraceError {
  return new MillraceError(
    "INVALID_REQUEST",
    `topic ${topic} has no stream index; set stream.index=true on it to append to and read streams`,
    { details: { field: "topic", value: topic, allowed: "a topic with stream.index=true" } },
  );
}
