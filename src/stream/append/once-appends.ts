import type { PartitionIndex } from "../partition/partition-index.ts";
import { streamIdOf } from "../store/index-keys.ts";
import { decodeKnownAppend, endOfAppend, type KnownAppend } from "../store/index-values.ts";
import type { StreamHead } from "../stream-head.ts";
import type { AppendedEvents, AppendEventsCommand, RevisionConflict } from "../types.ts";

type Outcome = AppendedEvents | RevisionConflict | "lost";

/** Sees to it that of the appends to a stream with one idempotency key only one writes. */
export class OnceAppends {
  /**
   * Appends, or answers as the append did that wrote with this key. Waits for one that is under way. The head must stay
   * pinned meanwhile.
   */
  async run(
    index: PartitionIndex,
    head: StreamHead,
    command: AppendEventsCommand,
    append: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const { idempotencyKey } = command;
    if (idempotencyKey === undefined) return append();
    head.underway ??= new Map();
    const { underway } = head;
    for (let other = underway.get(idempotencyKey); other !== undefined; ) {
      // However it ends: what it wrote is found then, and if it wrote nothing this one may.
      await Promise.allSettled([other]);
      other = underway.get(idempotencyKey);
    }
    const work = this.#runOne(index, head, { ...command, idempotencyKey }, append);
    underway.set(idempotencyKey, work);
    try {
      return await work;
    } finally {
      underway.delete(idempotencyKey);
    }
  }

  async #runOne(
    index: PartitionIndex,
    head: StreamHead,
    command: AppendEventsCommand & { readonly idempotencyKey: string },
    append: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const known = await findKnown(index, head, command.idempotencyKey);
    if (known === undefined) return index.heads.has(head) ? append() : "lost";
    const { firstRevision, count, baseOffset } = known;
    const durability = command.durability ?? index.log.config.flushMode;
    const isDurable = index.log.recoveryPoint >= endOfAppend(known);
    if (durability === "durable" && !isDurable) await index.log.flush();
    return {
      outcome: "appended",
      partition: index.partition,
      baseOffset,
      firstRevision,
      lastRevision: firstRevision + Math.max(1, count) - 1,
      durability,
      duplicate: true,
    };
  }
}

/** What an earlier append with the key wrote, as long as any of it is kept. */
async function findKnown(
  { store, keys, log }: PartitionIndex,
  head: StreamHead,
  idempotencyKey: string,
): Promise<KnownAppend | undefined> {
  const inTail = head.knownAppend(idempotencyKey);
  if (inTail !== undefined) return inTail;
  const value = await store.get(keys.idempotency(head.id, streamIdOf(Buffer.from(idempotencyKey))));
  const known = value === undefined ? undefined : decodeKnownAppend(value);
  return known !== undefined && endOfAppend(known) > log.logStartOffset ? known : undefined;
}
