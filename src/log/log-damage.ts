/** What is wrong with a batch where it was found, and how it is told. */
import { MillraceError } from "../errors/index.ts";
import type { BatchHeader } from "../record/index.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/** What is wrong with a batch, whole in itself, at the place where it was found; these fields have no checksum. */
export function faultInPlace(
  header: BatchHeader,
  expectedBaseOffset: number,
  epochs: LeaderEpochs | undefined,
): string | undefined {
  if (header.baseOffset !== expectedBaseOffset) {
    return `base offset ${header.baseOffset} where ${expectedBaseOffset} follows`;
  }
  if (header.leaderEpoch === undefined) return "no leader epoch was stamped";
  const epoch = epochs?.epochOf(header.baseOffset);
  if (epoch !== undefined && header.leaderEpoch !== epoch) {
    return `leader epoch ${header.leaderEpoch} where ${epoch} was in force`;
  }
  return undefined;
}

/** The error for damage that keeps a log from being opened. */
export function corruptFile(path: string, position: number, fault: string): MillraceError {
  return new MillraceError(
    "LOG_CORRUPT",
    `${path} is damaged at position ${position}: ${fault}. Nothing was cut; restore the file from a copy, or inspect it with "millrace log verify" and delete the topic`,
    { details: { segment: path.split("/").at(-1) ?? path, position } },
  );
}

/** The error for damage that a reader met. */
export function corruptRead(
  state: LogState,
  segment: Segment,
  position: number,
  fault: string,
): MillraceError {
  const file = segment.log.path.split("/").at(-1)!;
  return new MillraceError(
    "LOG_CORRUPT",
    `partition ${state.name} is damaged in ${file} at position ${position}: ${fault}; these records cannot be served; restore the file from a copy, or read on behind the damage ("millrace log dump" shows the offsets around it)`,
    { details: { segment: file, position } },
  );
}
