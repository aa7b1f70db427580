import type { ConsumerSettings } from "./consumer-settings.ts";
import type { Committer } from "./committer.ts";
import type { OpenBatch, OwnedBatch } from "./open-batch.ts";

/** Records of a partition that may be committed ahead of being handed out one by one: what a crash may lose of them. */
const AHEAD_RECORDS_MAX = 100;

/** With delivery at most once: commits what is about to be handed out. */
export class AheadCommits {
  readonly #isNeeded: boolean;
  readonly #committer: Committer;

  constructor({ isAtMostOnce }: ConsumerSettings, committer: Committer) {
    this.#isNeeded = isAtMostOnce;
    this.#committer = committer;
  }

  /** Whether the next record has to be committed first, see `allowNext`. */
  isDue(open: OpenBatch): boolean {
    return this.#isNeeded && open.offset >= open.source.owner.aheadTo;
  }

  /** Commits the next records; the batch may be void then. Throws why that was refused. */
  allowNext({ offset, source }: OpenBatch): Promise<void> {
    const { owner, batch } = source;
    return this.#committer.allow(owner, Math.min(offset + AHEAD_RECORDS_MAX, batch.nextOffset));
  }

  /** Commits a whole batch, which may be void then. Throws why that was refused. */
  async allowWhole({ owner, batch }: OwnedBatch): Promise<void> {
    if (this.#isNeeded) await this.#committer.allow(owner, batch.nextOffset);
  }
}
