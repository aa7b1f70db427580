import type { AllEventsOptions, StreamEvent } from "../api/streams.ts";
import type { Reader, ReaderOptions } from "../api/reader.ts";
import { eventOfRecord } from "./event-of-record.ts";

/**
 * Reads a topic's events with a reader, which knows leaders, reconnects and never skips. The revision comes from the
 * records themselves.
 */
export async function* allEvents(
  topic: string,
  { from = "start", stopAtEnd = false, onCaughtUp }: AllEventsOptions,
  newReader: (options: ReaderOptions) => Reader,
): AsyncGenerator<StreamEvent, void, undefined> {
  const reader = newReader({ onCaughtUp: () => reader.isCaughtUp() && onCaughtUp?.() });
  try {
    await reader.assign([{ topic, from }]);
    for await (const record of reader.records({ stopAtEnd })) yield eventOfRecord(record);
  } finally {
    await reader.close();
  }
}
