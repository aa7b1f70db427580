import { COMMITTED_OFFSETS_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { CommitResult, OffsetCommit } from "../group/index.ts";
import { type ConsumedPartition, keyOf, refuseCommit } from "./consumed-partition.ts";
import type { ConsumeCommitted } from "./consumption.ts";

/** Commits of the coordinator. */
export type CommitOffsets = (offsets: readonly OffsetCommit[]) => Promise<readonly CommitResult[]>;

/** The commits of one consumer: of what it has, up to what was delivered to it, answered in order. */
export class ConsumerCommits {
  readonly #partitions: ReadonlyMap<string, ConsumedPartition>;
  readonly #commitOffsets: CommitOffsets;
  #last: Promise<unknown> = Promise.resolve();

  /** `partitions` are those that the consumer has, by `keyOf`, as they change. */
  constructor(partitions: ReadonlyMap<string, ConsumedPartition>, commitOffsets: CommitOffsets) {
    this.#partitions = partitions;
    this.#commitOffsets = commitOffsets;
  }

  /** Settles when all commits begun so far are answered. */
  get settled(): Promise<unknown> {
    return this.#last;
  }

  /** Commits these offsets, or what was delivered since the last commit or seek. Never fails. */
  commit(offsets: readonly OffsetCommit[]): Promise<readonly ConsumeCommitted[]> {
    // Begun in this turn, so that commits reach the coordinator in their order; only the answers wait.
    const result = this.#begin(offsets.length > 0 ? offsets : this.#delivered());
    const inOrder = this.#last.then(() => result);
    this.#last = inOrder;
    return inOrder;
  }

  #delivered(): OffsetCommit[] {
    const offsets: OffsetCommit[] = [];
    for (const { topic, partition, toCommit, moved } of this.#partitions.values()) {
      if (toCommit === undefined) continue;
      offsets.push({ topic, partition, offset: toCommit, metadata: "", rewind: moved === "sought" });
    }
    return offsets;
  }

  async #begin(offsets: readonly OffsetCommit[]): Promise<readonly ConsumeCommitted[]> {
    const consumed = offsets.map((offset) => this.#partitions.get(keyOf(offset)));
    const moves = consumed.map((partition) => partition?.moves);
    const results: (CommitResult | undefined)[] = offsets.map((offset, index) =>
      refuseCommit(offset, consumed[index]),
    );
    const accepted = [...offsets.keys()].filter((index) => results[index] === undefined);
    const toCommit = accepted.map((index) => {
      const offset = offsets[index]!;
      return consumed[index]?.moved === "after-gap" ? { ...offset, rewind: true } : offset;
    });
    for (const [at, result] of (await this.#commitAll(toCommit)).entries()) {
      const index = accepted[at]!;
      results[index] = result;
      if (result === offsets[index]!.offset && consumed[index]!.moves === moves[index]) {
        settle(consumed[index]!, result);
      }
    }
    return offsets.map(({ topic, partition }, index) => ({ topic, partition, result: results[index]! }));
  }

  /** A failure of a whole command is that of each of its offsets. */
  async #commitAll(offsets: readonly OffsetCommit[]): Promise<readonly CommitResult[]> {
    const parts: Promise<readonly CommitResult[]>[] = [];
    for (let at = 0; at < offsets.length; at += COMMITTED_OFFSETS_MAX) {
      const part = offsets.slice(at, at + COMMITTED_OFFSETS_MAX);
      const failed = (thrown: unknown) => part.map(() => MillraceError.from(thrown));
      parts.push(this.#commitOffsets(part).catch(failed));
    }
    return (await Promise.all(parts)).flat();
  }
}

/** What was committed, and not left at a higher offset, need not be again; from there on offsets rise. */
function settle(consumed: ConsumedPartition, offset: number): void {
  consumed.moved = undefined;
  if (consumed.toCommit === offset) consumed.toCommit = undefined;
}
