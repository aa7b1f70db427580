import { MillraceError } from "../errors/index.ts";

/** Where a batch is wrong. */
export interface FaultPlace {
  /** The header's or record's field, such as "magic" or "offset delta". */
  readonly field: string;
  /** Byte in the batch; for compressed batches, byte in the decompressed records. */
  readonly position?: number;
  /** The record's index in its batch. */
  readonly index?: number;
}

/** An INVALID_BATCH: `problem` says what was wrong, the value and what is allowed. */
export function invalidBatch(problem: string, place: FaultPlace, cause?: unknown): MillraceError {
  const record = place.index === undefined ? "" : ` in record ${place.index}`;
  const at = place.position === undefined ? "" : ` at byte ${place.position}`;
  return new MillraceError(
    "INVALID_BATCH",
    `invalid record batch: ${place.field}${record}${at}: ${problem}`,
    {
      details: {
        field: place.field,
        ...(place.position === undefined ? {} : { position: place.position }),
        ...(place.index === undefined ? {} : { record: place.index }),
      },
      cause,
    },
  );
}
