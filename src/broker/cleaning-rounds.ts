import { afterTurn, type Clock, type Logger, type Random, sleep } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import { FileSystemError } from "../fs/index.ts";
import { OffsetMap, type PartitionLog } from "../log/index.ts";
import type { CheckpointedLog } from "./data-folder.ts";

/** How logs are cleaned. */
export interface CleaningSettings {
  /** Milliseconds between two rounds. */
  readonly intervalMs: number;
  /** Most of the time that cleaning may take, above 0 to 1. */
  readonly timeShareMax: number;
  /** Most bytes of the offset map: 20 for each key that is cleaned at once, and a third more. */
  readonly mapBytesMax: number;
}

/** What cleaning stands on. */
export interface CleaningParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
  readonly settings: CleaningSettings;
  /** All logs in service. */
  readonly logs: () => Iterable<CheckpointedLog>;
  /** Notes up to where each log is clean. */
  readonly checkpoint: () => Promise<void>;
  /** No more work is wanted. */
  readonly isClosing: () => boolean;
}

/** Failures that may be over in the next round; damage, or a codec that is not here, is not. */
const PASSING: ReadonlySet<string | undefined> = new Set(["STORAGE_FULL", "STORAGE_OFFLINE", "OVERLOADED"]);

/** Shortest rest that a timer can give, milliseconds; less is owed until there is as much. */
const REST_MS_MIN = 1;
/** Longest rest at once: what took longer was the disk, or others. */
const REST_MS_MAX = 100;

/**
 * Cleans the compacted logs of a broker, one at a time and the dirtiest first. Between pieces of some hundred KiB it
 * rests, so that it takes no more than its share of the time, however much there is to do.
 */
export class CleaningRounds {
  readonly #parts: CleaningParts;
  readonly #offsets: OffsetMap;
  /** Logs that fail in a way that does not pass: cleaned again after a restart, when somebody has looked at them. */
  readonly #setAside = new WeakSet<PartitionLog>();
  #resumedMs = 0;
  #owedMs = 0;

  constructor(parts: CleaningParts) {
    this.#parts = parts;
    const { mapBytesMax: bytesMax } = parts.settings;
    this.#offsets = new OffsetMap({ bytesMax, secret: parts.random.id() });
  }

  /** Cleans until nothing is due any more. What cannot be cleaned now is logged and tried in the next round. */
  async run(): Promise<void> {
    const failed = new Set<PartitionLog>();
    for (let isMore = true; isMore && !this.#parts.isClosing(); ) {
      isMore = false;
      for (const next of await this.#due(failed)) {
        if (this.#parts.isClosing()) return;
        const outcome = await this.#clean(next);
        if (outcome === "disk full") return;
        if (outcome === "cleaned") isMore = true;
        else failed.add(next.log);
      }
    }
  }

  /** The logs whose cleaning is due, the dirtiest first. */
  async #due(failed: ReadonlySet<PartitionLog>): Promise<CheckpointedLog[]> {
    const due: { readonly item: CheckpointedLog; readonly ratio: number }[] = [];
    for (const item of [...this.#parts.logs()]) {
      if (failed.has(item.log) || this.#setAside.has(item.log)) continue;
      const ratio = await item.log.cleaner.due().catch((error: unknown) => this.#tell(item, error));
      if (ratio !== undefined) due.push({ item, ratio });
    }
    return due.sort((a, b) => b.ratio - a.ratio).map(({ item }) => item);
  }

  async #clean(item: CheckpointedLog): Promise<"cleaned" | "not cleaned" | "disk full"> {
    this.#resumedMs = this.#parts.clock.monotonicMs();
    try {
      const report = await item.log.cleaner.clean({ offsets: this.#offsets, pause: () => this.#rest() });
      if (report === undefined) return "not cleaned";
    } catch (error) {
      this.#tell(item, error);
      return error instanceof MillraceError && error.reason === "STORAGE_FULL" ? "disk full" : "not cleaned";
    }
    await this.#parts.checkpoint().catch((error: unknown) => {
      if (!(error instanceof FileSystemError)) throw error;
      this.#parts.logger.warn(
        { error: error.message },
        "cleaner checkpoint not written; a restart cleans more",
      );
    });
    return "cleaned";
  }

  #tell({ topic, partition, log }: CheckpointedLog, error: unknown): undefined {
    const reason = error instanceof MillraceError ? error.reason : undefined;
    if (!PASSING.has(reason)) this.#setAside.add(log);
    if (!(error instanceof MillraceError)) throw error;
    this.#parts.logger.warn(
      { partition: `${topic}-${partition}`, reason, error: error.message },
      "partition not cleaned",
    );
  }

  /** Lets others have their turn, and rests in proportion to the time since the last rest. */
  async #rest(): Promise<void> {
    const { clock, settings } = this.#parts;
    const workedMs = clock.monotonicMs() - this.#resumedMs;
    this.#owedMs += workedMs * (1 / settings.timeShareMax - 1);
    if (this.#owedMs < REST_MS_MIN) await new Promise<void>((resolve) => afterTurn(resolve));
    else {
      const before = clock.monotonicMs();
      await sleep(clock, Math.min(REST_MS_MAX, Math.round(this.#owedMs)));
      this.#owedMs = Math.min(REST_MS_MAX, Math.max(0, this.#owedMs - (clock.monotonicMs() - before)));
    }
    this.#resumedMs = clock.monotonicMs();
  }
}
