import type { Producer } from "../../src/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import type { Progress } from "../output/progress.ts";
import type { Input } from "./input.ts";
import type { RecordParser } from "./line-records.ts";
import { LineSplitter } from "./line-splitter.ts";

/** What to produce, and where to. */
export interface ProduceJob {
  readonly topic: string;
  readonly input: Input;
  readonly parse: RecordParser;
  readonly producer: Producer;
  readonly progress: Progress;
  /** Longest line; a longer one fits no record. */
  readonly lineBytesMax: number;
}

/**
 * Produces a record for each line, in their order, and waits until all are acknowledged or given up. Reading waits
 * while the producer's buffer is full. The first failure ends it: what was taken before is still delivered if
 * possible. Returns what ended it before the end of the input, if anything did; never throws.
 */
export async function produceLines(
  job: ProduceJob,
  firstFailure: () => MillraceError | undefined,
): Promise<unknown> {
  const splitter = new LineSplitter(job.lineBytesMax);
  let bytes = 0;
  let error: unknown;
  try {
    for await (const chunk of job.input.chunks) {
      bytes += chunk.length;
      splitter.push(chunk);
      for (let line = splitter.next(); line !== undefined; line = splitter.next()) {
        if (!writeLine(job, line, splitter.lineNumber)) await job.producer.ready();
        if (firstFailure() !== undefined) break;
      }
      if (firstFailure() !== undefined) break;
      job.progress.show({ records: splitter.lineNumber, bytes });
    }
    const last = firstFailure() === undefined ? splitter.rest() : undefined;
    if (last !== undefined) writeLine(job, last, splitter.lineNumber);
  } catch (thrown) {
    error = thrown;
  }
  try {
    await job.producer.flush();
  } catch (thrown) {
    error ??= thrown;
  }
  return error ?? firstFailure();
}

function writeLine({ producer, topic, parse }: ProduceJob, line: Buffer, lineNumber: number): boolean {
  try {
    return producer.write(topic, parse(line, lineNumber));
  } catch (thrown) {
    if (!(thrown instanceof MillraceError)) throw thrown;
    const { reason, message, details, effect } = thrown;
    throw new MillraceError(reason, `line ${lineNumber}: ${message}`, { details, effect, cause: thrown });
  }
}
