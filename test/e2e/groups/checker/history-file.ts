/** Histories on disk: one file of JSON lines per process, put together on the clock they share. */
import { openSync, writeSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HistoryEvent, Unwritten } from "./events.ts";

const SUFFIX = ".history.jsonl";

/** Microseconds of the clock that all processes of a machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/**
 * Writes events as they happen. A line is with the system when `write` returns, so that it outlives the SIGKILL of the
 * process; what the line announces may begin then.
 */
export class HistoryFile {
  readonly #file: number;

  constructor(folder: string, name: string) {
    this.#file = openSync(join(folder, `${name}${SUFFIX}`), "a");
  }

  /** Writes events that happen now, all of one time. */
  write(...events: readonly Unwritten[]): void {
    const at = nowUs();
    this.#append(events.map((event) => ({ at, ...event })));
  }

  /** Writes events with times of their own. */
  writeAt(at: number, ...events: readonly Unwritten[]): void {
    this.#append(events.map((event) => ({ at, ...event })));
  }

  #append(events: readonly object[]): void {
    if (events.length === 0) return;
    writeSync(this.#file, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }
}

/** Everything that the processes of a history wrote, by time. */
export async function readHistory(folder: string): Promise<HistoryEvent[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(SUFFIX)).sort();
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  // The sort is stable: events of one process and one microsecond stay in their order.
  return files.flatMap(parseLines).sort((a, b) => a.at - b.at);
}

/** A process that is killed may leave half a line behind; it had not begun what that line announces. */
function parseLines(text: string): HistoryEvent[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as HistoryEvent);
}
