import type { ConsumedBatch } from "../../src/index.ts";
import { usageError } from "../cli-error.ts";
import type { Io } from "../io.ts";
import { type OutputFormat, yamlWriterFor } from "../output/print.ts";
import { formatBytes, formatCount, formatCounted, formatDuration, perSecond } from "../output/quantities.ts";
import { ByteSink } from "./byte-sink.ts";
import { compileFormat, type RecordWriter } from "./record-format.ts";
import { writeJson, yamlRecordWriter } from "./record-json.ts";

/** How records are printed. */
export interface PrintOptions {
  readonly format?: string;
  readonly nullValue: string;
}

/** The writer of records for a format of one's own, or for JSON or YAML. Throws CliError if both are asked for. */
export async function recordWriterFor(
  { format, nullValue }: PrintOptions,
  output: OutputFormat,
): Promise<RecordWriter> {
  if (format !== undefined && output !== "table") {
    throw usageError(`--format prints text; leave it out with --output ${output}`);
  }
  if (output === "json") return writeJson;
  const yaml = await yamlWriterFor(output);
  return yaml === undefined
    ? compileFormat(format ?? "%v", Buffer.from(nullValue, "utf8"))
    : yamlRecordWriter(yaml);
}

/** Writes batches to stdout and counts. */
export class RecordPrinter {
  readonly #io: Pick<Io, "stdout" | "clock">;
  readonly #write: RecordWriter;
  readonly #countMax: number;
  readonly #sink: ByteSink;
  readonly #startedMs: number;
  #records = 0;
  /** Bytes of keys and values. */
  #bytes = 0;

  constructor(io: Pick<Io, "stdout" | "clock">, write: RecordWriter, countMax: number | undefined) {
    this.#io = io;
    this.#write = write;
    this.#countMax = countMax ?? Number.POSITIVE_INFINITY;
    this.#sink = new ByteSink(io.stdout);
    this.#startedMs = io.clock.monotonicMs();
  }

  /** Nothing more is to be printed, or can be. */
  get isDone(): boolean {
    return this.#records >= this.#countMax || this.#io.stdout.isClosed;
  }

  /** Prints what is wanted of a batch and returns the offset after the last record printed: where to go on. */
  print(batch: ConsumedBatch): number {
    const cursor = batch.records();
    let next = batch.firstOffset;
    try {
      while (this.#records < this.#countMax) {
        if (!cursor.next()) return batch.nextOffset;
        this.#records++;
        this.#bytes += (cursor.keyLength ?? 0) + (cursor.valueLength ?? 0);
        this.#write(this.#sink, batch, cursor, this.#records);
        next = cursor.offset + 1;
      }
      return next;
    } finally {
      this.#sink.flush(); // also where the next record turns out to be damaged
    }
  }

  /** How many records there were, and how fast. */
  summary(): string {
    const durationMs = this.#io.clock.monotonicMs() - this.#startedMs;
    const rates = `${formatCount(perSecond(this.#records, durationMs))} records/s, ${formatBytes(perSecond(this.#bytes, durationMs))}/s`;
    return `${formatCounted(this.#records, "record")}: ${formatBytes(this.#bytes)} in ${formatDuration(durationMs)}, ${rates}\n`;
  }
}
