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
  /** Flushes everything written so far; throws if the log is or goes offline. */
  readonly flush: () => Promise<void>;
}

/** Keeps what a log knows of its producers beyond a restart: a snapshot, and the batches behind it. */
export class ProducerSnapshots {
  readonly #parts: ProducerSnapshotsParts;
  readonly #files: SnapshotFiles;
  /** Batches below may be gone, and a durable snapshot at or above is owed. */
  #owedOffset = 0;

  constructor(parts: ProducerSnapshotsParts) {
    this.#parts = parts;
    this.#files = new SnapshotFiles(parts.env, parts.state.folder);
  }

  /** Restores the producers of a recovered log. Throws LOG_CORRUPT for a damaged batch. */
  async restore(): Promise<void> {
    const { state, producers } = this.#parts;
    const firstOffset = state.segments[0]?.baseOffset ?? 0;
    const snapshot = await this.#files.load(firstOffset, (candidate) => this.#isTrue(candidate));
    if (snapshot !== undefined) producers.restore(snapshot.producers);
    for (const segment of segmentsBehind(state.segments, snapshot?.offset ?? -1)) {
      await learn(segment, snapshot?.offset ?? segment.baseOffset, this.#parts);
    }
  }

  /** Takes a snapshot if much was written since the last, or if a durable one could not be taken when it had to be. */
  async takeIfDue(): Promise<void> {
    if (this.#isOwed || this.#parts.producers.bytesSinceSnapshot >= DUE_BYTES) await this.take();
  }

  /** Takes a snapshot of what is known at the end of the log. */
  async take(): Promise<void> {
    const { logEndOffset, durableOffset } = this.#parts.state;
    if (logEndOffset === 0) return;
    // Of a flushed end only: one that a power loss takes back would take the snapshot with it.
    if (this.#isOwed && durableOffset === logEndOffset) await this.#files.writeDurable(this.#known());
    else await this.#files.write(this.#known());
  }

  /**
   * To be called between two writes before batches below `offset` go for good: what they told of producers is durable
   * then. A disk that refuses does not keep them from going, because that may be what it has no room for; until a later
   * attempt succeeds, a crash makes the log forget producers. Throws STORAGE_OFFLINE if what is written cannot be flushed.
   */
  async outlive(offset: number): Promise<void> {
    const isNothingKnown = this.#parts.producers.producerCount === 0 && this.#files.count === 0;
    if (isNothingKnown) return;
    this.#owedOffset = Math.max(this.#owedOffset, offset);
    if (!this.#isOwed) return;
    await this.#parts.flush();
    await this.take();
  }

  get #isOwed(): boolean {
    return this.#owedOffset > (this.#files.durableOffset ?? 0);
  }

  #known(): ProducerSnapshot {
    const { env, state, epochs, producers } = this.#parts;
    const offset = state.logEndOffset;
    const leaderEpoch = epochOfEnd(epochs, offset);
    return { offset, leaderEpoch, producers: producers.takeSnapshot(env.clock.nowMs()) };
  }

  /**
   * True if the log still has all that the snapshot knew of, and every batch behind it is there to be read: without
   * them it would take old sequences for new ones. A log that lost its end since and grew beyond it again did that under
   * a later leader epoch.
   */
  #isTrue({ offset, leaderEpoch }: ProducerSnapshot): boolean {
    const { state, epochs } = this.#parts;
    if (offset > state.logEndOffset || epochOfEnd(epochs, offset) !== leaderEpoch) return false;
    const [first] = segmentsBehind(state.segments, offset);
    return first === undefined || first.baseOffset <= offset;
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
