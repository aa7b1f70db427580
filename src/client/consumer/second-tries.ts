import type { Clock, Timer } from "../../base/index.ts";
import type { PartitionReader } from "../reader/partition-reader.ts";
import type { ConsumerSettings } from "./consumer-settings.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import type { PartitionStarter } from "./partition-starter.ts";

/** Pause before the third try of a partition, milliseconds; each further one is twice as long. The second comes at once. */
const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 30_000;
/** A partition that was not tried for so long has been read meanwhile: its next failure counts as the first. */
const FORGOTTEN_MS = 2 * PAUSE_MS_MAX;

/** What second tries need. */
export interface SecondTriesPorts {
  readonly clock: Clock;
  readonly reader: PartitionReader;
  readonly owned: ReadonlyMap<string, OwnedPartition>;
  readonly starter: PartitionStarter;
  /** It is time to begin. */
  due(): void;
}

interface Tried {
  readonly times: number;
  /** When it was tried last, on the monotonic clock. */
  readonly atMs: number;
}

/**
 * Has partitions of this member that failed read again, from the first record that is not done: those that failed while
 * they were read from the reader's own place, so that a topic created anew is not taken for theirs, and those that never
 * came so far through the starter. One that is paused waits until it is resumed. One that fails again and again is tried
 * ever more seldom, so that the others get on between its failures.
 */
export class SecondTries {
  readonly #isAtMostOnce: boolean;
  readonly #ports: SecondTriesPorts;
  readonly #tried = new WeakMap<OwnedPartition, Tried>();
  #timer: Timer | undefined;

  constructor({ isAtMostOnce }: ConsumerSettings, ports: SecondTriesPorts) {
    this.#isAtMostOnce = isAtMostOnce;
    this.#ports = ports;
  }

  /** Tries again those whose failures were thrown, now or when it is time. */
  begin(): void {
    const { reader, owned, starter } = this.#ports;
    const unstarted: OwnedPartition[] = [];
    let pauseMs = Number.POSITIVE_INFINITY;
    for (const owner of owned.values()) {
      const isUnread = owner.phase === "reading" && !reader.has(owner);
      if (owner.isPaused || (!isUnread && !starter.hasFailed(owner))) continue;
      const ownPauseMs = this.#pauseOf(owner);
      if (ownPauseMs > 0) pauseMs = Math.min(pauseMs, ownPauseMs);
      else if (isUnread) this.#readAgain(owner);
      else unstarted.push(owner);
    }
    if (unstarted.length > 0) void starter.start(unstarted);
    this.#timer?.cancel();
    if (pauseMs < Number.POSITIVE_INFINITY) this.#beginLater(pauseMs);
  }

  #beginLater(pauseMs: number): void {
    this.#timer = this.#ports.clock.schedule(pauseMs, () => this.#ports.due());
  }

  /** How long it is to be left alone; if not at all, this counts as a try. */
  #pauseOf(owner: OwnedPartition): number {
    const nowMs = this.#ports.clock.monotonicMs();
    let tried = this.#tried.get(owner);
    if (tried !== undefined && nowMs - tried.atMs > FORGOTTEN_MS) tried = undefined;
    if (tried !== undefined) {
      const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (tried.times - 1));
      if (nowMs < tried.atMs + pauseMs) return tried.atMs + pauseMs - nowMs;
    }
    this.#tried.set(owner, { times: (tried?.times ?? 0) + 1, atMs: nowMs });
    return 0;
  }

  #readAgain(owner: OwnedPartition): void {
    if (!this.#isAtMostOnce) owner.startOver();
    const state = owner.giveBack();
    if (state !== undefined) this.#ports.reader.readAgain(state);
  }
}
