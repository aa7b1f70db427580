import type { Receipt } from "../../src/broker/index.ts";
import type { ReadRecord } from "../log/batches.ts";

/** What became of a batch that was sent. "unknown": the answer never came, or said that nobody knows. */
type Outcome = "unknown" | "refused" | "written" | "durable";

/** A batch that was sent; its records say which batch they belong to, and how many records that has. */
export interface Sent {
  readonly id: number;
  readonly values: readonly string[];
  outcome: Outcome;
  baseOffset: number | undefined;
  /** An attempt ended without anybody knowing what it did. */
  isUnsure: boolean;
}

const PADDING = "p".repeat(60);

/** What one partition was asked to keep and promised to keep, held against what is read from it. */
export class Ledger {
  /** Whether what was read is promised to stay: consumers of this topic see only what is durable. */
  readonly readsAreDurable: boolean;
  readonly #sent: Sent[] = [];
  /** By offset, what consumers have read. */
  readonly #seen = new Map<number, string>();
  /** Log starts that were promised, and the furthest that was ever asked for or seen. */
  #startMin = 0;
  #startMax = 0;
  #highWatermark = 0;

  constructor(readsAreDurable: boolean) {
    this.readsAreDurable = readsAreDurable;
  }

  /** The same, to go on differently from here. */
  fork(): Ledger {
    const copy = new Ledger(this.readsAreDurable);
    for (const sent of this.#sent) copy.#sent.push({ ...sent });
    for (const [offset, value] of this.#seen) copy.#seen.set(offset, value);
    copy.#startMin = this.#startMin;
    copy.#startMax = this.#startMax;
    copy.#highWatermark = this.#highWatermark;
    return copy;
  }

  get acknowledgedCount(): number {
    return this.#sent.filter(({ outcome }) => outcome === "durable" || outcome === "written").length;
  }

  /** Notes a batch of so many records that is about to be sent. */
  send(recordCount: number): Sent {
    const id = this.#sent.length;
    const values = Array.from({ length: recordCount }, (_, i) => `${id}/${i}/${recordCount} ${PADDING}`);
    const sent: Sent = { id, values, outcome: "unknown", baseOffset: undefined, isUnsure: false };
    this.#sent.push(sent);
    return sent;
  }

  acknowledge(sent: Sent, receipt: Receipt): void {
    if (sent.baseOffset !== undefined && sent.baseOffset !== receipt.baseOffset) {
      throw new Error(`batch ${sent.id} was acknowledged at ${sent.baseOffset} and at ${receipt.baseOffset}`);
    }
    sent.baseOffset = receipt.baseOffset;
    sent.outcome = receipt.durability;
  }

  /** Notes a refusal; `isDefinite` if this attempt certainly had no effect, which says nothing of an earlier one. */
  refuse(sent: Sent, isDefinite: boolean): void {
    sent.isUnsure ||= !isDefinite;
    if (sent.outcome === "unknown" && !sent.isUnsure) sent.outcome = "refused";
  }

  trimAsked(offset: number): void {
    this.#startMax = Math.max(this.#startMax, offset);
  }

  trimDone(offset: number): void {
    this.trimAsked(offset);
    this.#startMin = Math.max(this.#startMin, offset);
  }

  /** Notes what a consumer read. */
  saw(records: readonly ReadRecord[]): void {
    for (const { offset, value } of records) this.#seen.set(offset, value);
  }

  /** Notes up to where consumers could read at some moment. Throws if that went back. */
  sawHighWatermark(highWatermark: number): void {
    if (highWatermark < this.#highWatermark) {
      throw new Error(`the high watermark fell from ${this.#highWatermark} to ${highWatermark}`);
    }
    this.#highWatermark = highWatermark;
  }

  /**
   * Compares what is read after a start with what was promised, and returns what is wrong. `survived` tells which
   * crash it was: a killed process loses nothing that was written.
   */
  check(records: readonly ReadRecord[], logStartOffset: number, survived: "power" | "process"): string[] {
    const problems = checkShape(records, logStartOffset, this.#sent);
    if (logStartOffset < this.#startMin || logStartOffset > this.#startMax) {
      problems.push(`log start ${logStartOffset}, promised ${this.#startMin}, at most ${this.#startMax}`);
    }
    const holds = (offset: number, value: string, why: string): void => {
      const found = records[offset - logStartOffset]?.value;
      if (offset >= logStartOffset && found !== value) {
        problems.push(`${why} record ${value.slice(0, 8)} at ${offset} is ${found?.slice(0, 8)}`);
      }
    };
    for (const { outcome, baseOffset, values } of this.#sent) {
      if (outcome !== "durable" && !(outcome === "written" && survived === "process")) continue;
      for (const [index, value] of values.entries()) holds(baseOffset! + index, value, outcome);
    }
    const isFirm = this.readsAreDurable || survived === "process";
    if (isFirm) for (const [offset, value] of this.#seen) holds(offset, value, "read");
    const end = logStartOffset + records.length;
    if (isFirm && end < this.#highWatermark)
      problems.push(`ends at ${end}, read up to ${this.#highWatermark}`);
    return problems;
  }

  /** After a start everything that is there is what the log holds from now on. */
  restart(records: readonly ReadRecord[], logStartOffset: number): void {
    this.#seen.clear();
    this.saw(records);
    this.#highWatermark = logStartOffset + records.length;
    for (const sent of this.#sent) {
      const isThere = records.some(({ value }) => value === sent.values.at(-1));
      const isTrimmed = sent.baseOffset !== undefined && sent.baseOffset < logStartOffset;
      if (sent.outcome === "unknown" || sent.outcome === "written") {
        if (!isThere && !isTrimmed) sent.outcome = "refused";
      }
    }
  }
}

/** Whole batches, in the order in which they were sent, each at most once and none that was refused. */
function checkShape(records: readonly ReadRecord[], logStartOffset: number, sent: readonly Sent[]): string[] {
  const problems: string[] = [];
  let last = { id: -1, index: 0, count: 1 };
  for (const [number, { offset, value }] of records.entries()) {
    if (offset !== logStartOffset + number)
      problems.push(`offset ${offset} where ${logStartOffset + number} follows`);
    const [id, index, count] = value.split(" ")[0]!.split("/").map(Number) as [number, number, number];
    const isNext = id === last.id && index === last.index + 1;
    const isNewBatch = id > last.id && last.index === last.count - 1 && (index === 0 || number === 0);
    if (!isNext && !isNewBatch) problems.push(`record ${id}/${index} after ${last.id}/${last.index}`);
    if (sent[id]?.values[index] !== value)
      problems.push(`record ${value.slice(0, 8)} was never sent like this`);
    if (sent[id]?.outcome === "refused") problems.push(`record ${id}/${index} was refused`);
    last = { id, index, count };
  }
  if (last.index !== last.count - 1) problems.push(`batch ${last.id} is there only in part`);
  return problems;
}
