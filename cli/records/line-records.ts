import type { ProducerRecord } from "../../src/index.ts";
import { CliError, ExitCode } from "../cli-error.ts";

/** Makes a record of a line, which holds until the next call. Throws CliError naming the line. */
export type RecordParser = (line: Buffer, lineNumber: number) => ProducerRecord;

/** What every record gets that its line does not say. */
export interface RecordDefaults {
  readonly headers?: ProducerRecord["headers"];
  readonly partition?: number;
}

/** How lines are read. */
export interface LineFormat extends RecordDefaults {
  /** Bytes between key and value; without them lines are values. */
  readonly keySeparator?: Buffer;
  /** Text that stands for a null value (a tombstone). */
  readonly nullValue?: string;
}

/** Lines are values, or keys and values. Bytes stay as they are. */
export function lineParser({ keySeparator, nullValue, ...defaults }: LineFormat): RecordParser {
  const nullMarker = nullValue === undefined ? undefined : Buffer.from(nullValue, "utf8");
  const contentOf = (bytes: Buffer) => (nullMarker?.equals(bytes) === true ? null : bytes);
  if (keySeparator === undefined) return (line) => ({ ...defaults, value: contentOf(line) });
  return (line, lineNumber) => {
    const at = line.indexOf(keySeparator);
    if (at < 0) throw noSeparator(lineNumber, keySeparator);
    return {
      ...defaults,
      key: line.subarray(0, at),
      value: contentOf(line.subarray(at + keySeparator.length)),
    };
  };
}

function noSeparator(lineNumber: number, separator: Buffer): CliError {
  return new CliError(
    ExitCode.failure,
    `line ${lineNumber} has no key separator ${JSON.stringify(separator.toString("utf8"))}; ` +
      `begin it with a key (an empty one will do), or use --format json for records without keys`,
  );
}
