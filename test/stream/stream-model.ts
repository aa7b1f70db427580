import type { ExpectedRevision } from "../../src/stream/index.ts";
import type { PlainRecord } from "./stream-rig.ts";

/** A record as the model has it. */
export interface ModelRecord {
  readonly stream: string | null;
  readonly value: string | null;
  readonly revision: number | undefined;
  readonly isSnapshot: boolean;
}

/** What an append with an idempotency key did. */
interface Known {
  readonly baseOffset: number;
  readonly firstRevision: number;
  readonly lastRevision: number;
}

/** An append as the model takes it. */
export interface ModelAppend {
  readonly stream: string;
  readonly values: readonly (string | null)[];
  readonly expected: ExpectedRevision;
  readonly idempotencyKey: string | undefined;
  readonly snapshotRevision: number | undefined;
}

/** What an append comes to. */
export type ModelOutcome = (Known & { readonly duplicate: boolean }) | "conflict" | "ahead";

/** Streams as plain lists. */
export class StreamModel {
  readonly records: ModelRecord[] = [];
  logStart = 0;
  readonly #next = new Map<string, number>();
  readonly #known = new Map<string, Known & { readonly endOffset: number }>();

  readonly #snapshots = new Map<string, { readonly revision: number; readonly offset: number }>();

  nextRevision(stream: string): number {
    return this.#next.get(stream) ?? 0;
  }

  append(append: ModelAppend): ModelOutcome {
    const { stream, values, expected, idempotencyKey, snapshotRevision } = append;
    const name = `${stream}/${idempotencyKey}`;
    const known = idempotencyKey === undefined ? undefined : this.#known.get(name);
    if (known !== undefined && known.endOffset > this.logStart) {
      const { endOffset, ...result } = known;
      return { ...result, duplicate: true };
    }
    const next = this.nextRevision(stream);
    if (!meets(expected, next)) return "conflict";
    if (snapshotRevision !== undefined && snapshotRevision >= next) return "ahead";
    const isSnapshot = snapshotRevision !== undefined;
    const done = {
      baseOffset: this.records.length,
      firstRevision: snapshotRevision ?? next,
      lastRevision: snapshotRevision ?? next + values.length - 1,
    };
    for (const [index, value] of values.entries()) {
      this.records.push({ stream, value, revision: snapshotRevision ?? next + index, isSnapshot });
    }
    if (snapshotRevision !== undefined) this.#noteSnapshot(stream, snapshotRevision, done.baseOffset);
    if (!isSnapshot) this.#next.set(stream, next + values.length);
    const endOffset = this.records.length;
    if (idempotencyKey !== undefined) this.#known.set(name, { ...done, endOffset });
    return { ...done, duplicate: false };
  }

  produce(records: readonly PlainRecord[]): void {
    for (const { key: stream, value } of records) {
      const revision = stream === null ? undefined : this.nextRevision(stream);
      if (stream !== null) this.#next.set(stream, this.nextRevision(stream) + 1);
      this.records.push({ stream, value, revision, isSnapshot: false });
    }
  }

  #noteSnapshot(stream: string, revision: number, offset: number): void {
    const known = this.#snapshots.get(stream);
    const isBetter = known !== undefined && known.revision > revision && known.offset >= this.logStart;
    if (!isBetter) this.#snapshots.set(stream, { revision, offset });
  }

  /** What reading a stream should say. */
  info(stream: string) {
    const next = this.nextRevision(stream);
    const kept = this.kept(stream);
    return {
      exists: next > 0,
      firstRevision: kept[0]?.revision ?? next,
      lastRevision: next > 0 ? next - 1 : undefined,
      snapshotRevision: this.#lastSnapshot(stream)?.revision,
    };
  }

  /** The events of a stream that are kept, without snapshots. */
  kept(stream: string): ModelRecord[] {
    return this.records
      .slice(this.logStart)
      .filter((record) => record.stream === stream && !record.isSnapshot);
  }

  /** What a read from the latest snapshot gives; undefined if events behind it are gone. */
  fromSnapshot(stream: string): ModelRecord[] | undefined {
    const kept = this.kept(stream);
    const last = this.#lastSnapshot(stream);
    if (last === undefined) return kept;
    const wanted = last.revision! + 1;
    const { firstRevision } = this.info(stream);
    if (wanted < firstRevision && wanted < this.nextRevision(stream)) return undefined;
    return [last, ...kept.filter(({ revision }) => revision! >= wanted)];
  }

  /**
   * The snapshot of the highest revision, the last of those, if it is kept: one is known, which gives way to an earlier
   * revision only when it is gone.
   */
  #lastSnapshot(stream: string): ModelRecord | undefined {
    const known = this.#snapshots.get(stream);
    return known === undefined || known.offset < this.logStart ? undefined : this.records[known.offset];
  }
}

function meets(expected: ExpectedRevision, next: number): boolean {
  if (expected === "any") return true;
  if (expected === "none") return next === 0;
  return expected === "exists" ? next > 0 : expected === next - 1;
}
