/**
 * How a cleaned segment takes the place of those that it was made of. A crash between any two steps leaves the old ones
 * or the new one, whole:
 *
 *   1. `<base>.log.cleaned` is written, flushed and closed          a start removes it
 *   2. it is renamed to `<base>.log.swap`; the folder is synced     from here on a start finishes the swap
 *   3. readers go over to it
 *   4. the old files get the suffix `.deleted`                      a start passes over those that kept their names
 *   5. it is renamed to `<base>.log`; the folder is synced          names of steps 4 and 5 may last in any combination
 *   6. its indexes are written; the old files are removed later
 *
 * Steps 2 to 5 run between two writes to the log, so that no segment comes or goes meanwhile.
 */
import { passingRefusal } from "../disk-failures.ts";
import type { LogState } from "../log-state.ts";
import { Segment } from "../segment.ts";
import { CLEANED_SUFFIX, LOG_SUFFIX, SWAP_SUFFIX } from "../segment-names.ts";
import type { LogEnvironment } from "../types.ts";
import type { CleanedFile } from "./cleaned-file.ts";

/** What a swap works on. */
export interface SwapParts {
  readonly env: LogEnvironment;
  readonly state: LogState;
  readonly indexIntervalBytes: () => number;
}

/** True if the segments are still there, one after another and sealed. */
export function areInService(state: LogState, segments: readonly Segment[]): boolean {
  const first = state.segments.indexOf(segments[0]!);
  return (
    first >= 0 &&
    segments.every((segment, number) => state.segments[first + number] === segment && !segment.isActive)
  );
}

/**
 * Steps 2 to 6. Only within `LogWriter.exclusively`. Throws STORAGE_FULL or OVERLOADED if there was no room for the name
 * of step 2: nothing has changed then. After any other failure it throws what the disk said: nobody can tell what a start
 * would find, and the log must go offline; whatever it finds is whole.
 */
export async function swapIn(parts: SwapParts, old: readonly Segment[], cleaned: CleanedFile): Promise<void> {
  const { env, state } = parts;
  const { fs } = env;
  const logPath = cleaned.path.slice(0, -CLEANED_SUFFIX.length);
  const swapPath = logPath + SWAP_SUFFIX;
  await fs.rename(cleaned.path, swapPath).catch(async (error: unknown) => {
    const refusal = passingRefusal(error, `a cleaned segment of partition ${state.name}`);
    const isUntouched = refusal !== undefined && (await fs.fileSize(swapPath)) === undefined;
    throw isUntouched ? refusal : error;
  });
  await fs.syncDirectory(state.folder);

  const segment = segmentOf(parts, old, cleaned);
  state.segments.splice(state.segments.indexOf(old[0]!), old.length, segment);
  for (const replaced of old) await replaced.takeAway();
  await segment.log.rename(logPath, () => fs.rename(swapPath, logPath));
  await fs.syncDirectory(state.folder);
  await segment.seal();
}

/** The cleaned segment as readers see it, under the name that it has for the time being. */
function segmentOf(
  { env, state, indexIntervalBytes }: SwapParts,
  old: readonly Segment[],
  cleaned: CleanedFile,
): Segment {
  const segment = new Segment(
    env,
    state.folder,
    cleaned.baseOffset,
    indexIntervalBytes,
    LOG_SUFFIX + SWAP_SUFFIX,
  );
  segment.sizeBytes = cleaned.sizeBytes;
  segment.nextOffset = cleaned.nextOffset;
  segment.largest = cleaned.indexes.largest;
  segment.firstAppendMs = old[0]!.firstAppendMs;
  segment.activate(cleaned.indexes);
  return segment;
}
