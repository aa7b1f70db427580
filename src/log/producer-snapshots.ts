import type { BatchHeader } from "../record/index.ts";
import type { LeaderEpochs } from "./leader-epochs.ts";
import { corruptFile, faultInPlace } from "./log-damage.ts";
import type { LogState } from "./log-state.ts";
import type { ProducerSnapshot } from "./producer-snapshot.ts";
import type { ProducerState } from "./producer-state.ts";
import type { Segment } from "./segment.ts";
import { type ScanStop, scanBatches } from "./segment-scan.ts";
import { SnapshotFiles } from "./snapshot-files.ts";
import type { LogEnvironment } from "./types.ts";

/** Bytes of log after which a snapshot is due: so much, and what came since the last look, is read after a crash. */
const DUE_BYTES = 8 * 1_048_576;
/** Most bytes of log that a start reads to learn of producers; what they sent before is forgotten. */
const SCAN_BYTES_MAX = 1_073_741_824;

/** Whose producers these are. */
export interface ProducerSnapshotsParts {
  readonly env: LogEnvironment;
  readonly state: LogState;
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
}

/** Keeps what a log knows of its producers beyond a restart: a snapshot, and the batches behind it. */
export class ProducerSnapshots {
  readonly #parts: ProducerSnapshotsParts;
  readonly #files: SnapshotFiles;

  constructor(parts: ProducerSnapshotsParts) {
    this.#parts = parts;
    this.#files = new SnapshotFiles(parts.env, parts.state.folder);
  }

  /** Restores the producers of a recovered log. Throws LOG_CORRUPT for a damaged batch. */
  async restore(): Promise<void> {
    const { state, producers } = this.#parts;
    const snapshot = await this.#files.load((candidate) => this.#isTrue(candidate));
    if (snapshot !== undefined) producers.restore(snapshot.producers);
    for (const segment of segmentsBehind(state.segments, snapshot?.offset ?? -1)) {
      await learn(segment, snapshot?.offset ?? segment.baseOffset, this.#parts);
    }
  }

  /** Takes a snapshot if much was written since the last. */
  async takeIfDue(): Promise<void> {
    if (this.#parts.producers.bytesSinceSnapshot >= DUE_BYTES) await this.take();
  }

  /** Takes a snapshot of what is known at the end of the log. */
  async take(): Promise<void> {
    const { env, state, epochs, producers } = this.#parts;
    const offset = state.logEndOffset;
    if (offset === 0) return;
    const leaderEpoch = epochOfEnd(epochs, offset);
    await this.#files.write({ offset, leaderEpoch, producers: producers.takeSnapshot(env.clock.nowMs()) });
  }

  /**
   * True if the log still has all that the snapshot knew of. A log that lost its end since and grew beyond it again
   * did that under a later leader epoch.
   */
  #isTrue({ offset, leaderEpoch }: ProducerSnapshot): boolean {
    const { state, epochs } = this.#parts;
    return offset <= state.logEndOffset && epochOfEnd(epochs, offset) === leaderEpoch;
  }
}

function epochOfEnd(epochs: LeaderEpochs, offset: number): number {
  return epochs.epochOf(offset - 1) ?? -1;
}

/** The segments with batches from an offset on, the newest up to the bytes that may be read. */
function segmentsBehind(segments: readonly Segment[], offset: number): readonly Segment[] {
  let first = segments.length;
  let bytes = 0;
  while (first > 0 && segments[first - 1]!.nextOffset > offset && bytes < SCAN_BYTES_MAX) {
    first--;
    bytes += segments[first]!.sizeBytes;
  }
  return segments.slice(first);
}

/** Notes the batches of a segment from an offset on, checking each in its place. Throws LOG_CORRUPT. */
async function learn(segment: Segment, from: number, parts: ProducerSnapshotsParts): Promise<void> {
  const indexed = (await segment.indexes()).offsets.lookup(from - 1);
  if (indexed !== undefined && (await learnFrom(segment, indexed, from, parts)) === undefined) return;
  const stop = await learnFrom(segment, { position: 0 }, from, parts);
  if (stop !== undefined) throw corruptFile(segment.log.path, stop.position, stop.fault!);
}

/** Notes what lies behind an indexed batch, or all. Returns where and why it had to stop; throws as `learn` unless there. */
async function learnFrom(
  segment: Segment,
  start: { readonly position: number; readonly lastOffset?: number },
  from: number,
  { env, epochs, producers }: ProducerSnapshotsParts,
): Promise<ScanStop | undefined> {
  const nowMs = env.clock.nowMs();
  let expected = start.lastOffset === undefined ? segment.baseOffset : undefined;
  const visit = (header: BatchHeader): string | undefined => {
    const lastOffset = header.baseOffset + header.lastOffsetDelta;
    if (expected === undefined && lastOffset !== start.lastOffset) return "index points elsewhere";
    const fault = faultInPlace(header, expected ?? header.baseOffset, epochs);
    if (fault !== undefined) return fault;
    expected = lastOffset + 1;
    if (header.baseOffset < from) return undefined;
    // When it came is not known: its own clock may say anything, and forgetting a producer late costs little.
    producers.stage(header, header.baseOffset, nowMs);
    producers.commit();
    return undefined;
  };
  const { sizeBytes } = segment;
  const stop = await segment.log.use((file) => scanBatches(file, start.position, sizeBytes, visit));
  if (stop.fault === undefined) return undefined;
  // An index that lies shows at the first batch; damage behind that is the log's.
  if (stop.position > start.position) throw corruptFile(segment.log.path, stop.position, stop.fault);
  return stop;
}
