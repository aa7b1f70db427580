/** The options of a reader, checked and filled in. */
import { READ_CHUNK_BYTES_MAX } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";
import type { CaughtUp, PositionReset, ReaderOptions } from "../api/reader.ts";
import { type KnownNames, oneOf, requireFunction, requireKnown, wholeNumber } from "../option-checks.ts";

/** What a reader goes by. */
export interface ReaderSettings {
  readonly prefetchBytes: number;
  readonly prefetchRecords: number;
  readonly deliveryBytes: number;
  readonly onOutOfRange: "error" | "start" | "end";
  readonly onReset: ((reset: PositionReset) => void) | undefined;
  readonly onCaughtUp: ((caughtUp: CaughtUp) => void) | undefined;
  readonly onRetry: ((error: MillraceError) => void) | undefined;
  readonly verifyChecksums: boolean;
  readonly retryTimeoutMs: number;
}

/** Eight deliveries: enough to keep network and program busy at once. */
const PREFETCH_BYTES_DEFAULT = 8_388_608;
const PREFETCH_BYTES_MIN = 65_536;
const PREFETCH_BYTES_MAX = 1_073_741_824;
/** More than any prefetch holds: bytes alone count. */
const PREFETCH_RECORDS_UNBOUNDED = 2 ** 40;
const TIME_MS_MAX = 3_600_000;

const KNOWN: KnownNames<ReaderOptions> = {
  prefetchBytes: true,
  prefetchRecords: true,
  deliveryBytes: true,
  onOutOfRange: true,
  onReset: true,
  onCaughtUp: true,
  onRetry: true,
  verifyChecksums: true,
  retryTimeoutMs: true,
};

/** Checks the options. Throws TypeError for one outside its range or unknown. */
export function readerSettings(options: ReaderOptions, what = "a reader"): ReaderSettings {
  requireKnown(what, options, KNOWN);
  const onOutOfRange = oneOf("onOutOfRange", options.onOutOfRange ?? "error", ["error", "start", "end"]);
  requireFunction("onReset", options.onReset);
  requireFunction("onCaughtUp", options.onCaughtUp);
  requireFunction("onRetry", options.onRetry);
  if (onOutOfRange !== "error" && options.onReset === undefined) {
    throw new TypeError(
      `onOutOfRange is "${onOutOfRange}" without onReset: a moved position must not go unnoticed`,
    );
  }
  return {
    prefetchBytes: wholeNumber("prefetchBytes", options.prefetchBytes, {
      preset: PREFETCH_BYTES_DEFAULT,
      min: PREFETCH_BYTES_MIN,
      max: PREFETCH_BYTES_MAX,
    }),
    prefetchRecords: wholeNumber("prefetchRecords", options.prefetchRecords, {
      preset: PREFETCH_RECORDS_UNBOUNDED,
      min: 1,
      max: PREFETCH_RECORDS_UNBOUNDED,
    }),
    deliveryBytes: wholeNumber("deliveryBytes", options.deliveryBytes, {
      preset: READ_CHUNK_BYTES_MAX,
      min: 1_024,
      max: READ_CHUNK_BYTES_MAX,
    }),
    onOutOfRange,
    onReset: options.onReset,
    onCaughtUp: options.onCaughtUp,
    onRetry: options.onRetry,
    verifyChecksums: options.verifyChecksums ?? true,
    retryTimeoutMs: wholeNumber("retryTimeoutMs", options.retryTimeoutMs, {
      preset: 60_000,
      min: 0,
      max: TIME_MS_MAX,
    }),
  };
}
