import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../src/errors/index.ts";
import type { StreamEvent } from "../../src/stream/index.ts";
import { JournaledStore } from "./journaled-store.ts";
import { StreamModel, type ModelRecord } from "./stream-model.ts";
import { type PlainRecord, StreamRig } from "./stream-rig.ts";

const STREAMS = ["a", "b", "c"];

const value = fc.option(fc.constantFrom("x", "y", "z"), { nil: null });
const stream = fc.constantFrom(...STREAMS);
const appending = fc.record({
  kind: fc.constant("append" as const),
  stream,
  values: fc.array(value, { minLength: 1, maxLength: 4 }),
  /** Relative to the true one, or a state. */
  expected: fc.constantFrom("any", "any", "none", "exists", 0, 0, 0, -1, 1),
  idempotencyKey: fc.option(fc.constantFrom("k", "l"), { nil: undefined, freq: 2 }),
});
const command = fc.oneof(
  { arbitrary: appending, weight: 6 },
  {
    arbitrary: fc.record({
      kind: fc.constant("snapshot" as const),
      stream,
      back: fc.integer({ min: -1, max: 3 }),
      idempotencyKey: fc.option(fc.constantFrom("k", "m"), { nil: undefined, freq: 2 }),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("produce" as const),
      records: fc.array(fc.record({ key: fc.option(stream, { nil: null }), value }), {
        minLength: 1,
        maxLength: 5,
      }),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("many" as const),
      appends: fc.array(appending, { minLength: 2, maxLength: 8 }),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("trim" as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ kind: fc.constant("restart" as const), lost: fc.nat({ max: 12 }) }), weight: 2 },
  { arbitrary: fc.constant({ kind: "rebuild" as const }), weight: 1 },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;
type Append = typeof appending extends fc.Arbitrary<infer T> ? T : never;

/** A rig and the model that it has to equal. */
class World {
  readonly model = new StreamModel();
  rig!: StreamRig;
  store = new JournaledStore();

  async open(): Promise<void> {
    this.rig = new StreamRig({ store: this.store, config: { segmentBytes: 600 } }, this.rig?.logs);
    await this.rig.open();
  }

  async run(step: Command): Promise<void> {
    if (step.kind === "append") await this.#append(step);
    else if (step.kind === "many") await this.#many(step.appends);
    else if (step.kind === "produce") await this.#produce(step.records);
    else if (step.kind === "snapshot") await this.#snapshot(step);
    else if (step.kind === "trim") await this.#trim(step.share);
    else if (step.kind === "restart") await this.#restart(step.lost);
    else await this.#rebuild();
  }

  async #append(append: Append): Promise<void> {
    const { stream, values, idempotencyKey } = append;
    const expected = this.#expected(append);
    const should = this.model.append({
      stream,
      values,
      expected,
      idempotencyKey,
      snapshotRevision: undefined,
    });
    await this.#compareAppend(should, this.rig.append(stream, values, { expected, idempotencyKey }));
  }

  async #snapshot(step: { stream: string; back: number; idempotencyKey: string | undefined }): Promise<void> {
    const { stream, back, idempotencyKey } = step;
    const snapshotRevision = Math.max(0, this.model.nextRevision(stream) - 1 - back);
    const options = { expected: "any" as const, idempotencyKey, snapshotRevision };
    const should = this.model.append({ stream, values: ["s"], ...options });
    await this.#compareAppend(should, this.rig.append(stream, ["s"], options));
  }

  async #compareAppend(should: ReturnType<StreamModel["append"]>, is: ReturnType<StreamRig["append"]>) {
    if (should === "conflict") await expect(is).rejects.toMatchObject({ reason: "WRONG_REVISION" });
    else if (should === "ahead") await expect(is).rejects.toMatchObject({ reason: "INVALID_REQUEST" });
    else expect(await is).toMatchObject(should);
  }

  /** All at once: whichever order they come in, what was appended is what the model says in the order of offsets. */
  async #many(appends: readonly Append[]): Promise<void> {
    const begun = appends.map((append) => {
      const { stream, values, idempotencyKey } = append;
      const expected = this.#expected(append);
      const done = this.rig
        .append(stream, values, { expected, idempotencyKey })
        .catch((error: unknown) => error);
      return { stream, values, expected, idempotencyKey, snapshotRevision: undefined, done };
    });
    const ended: {
      append: (typeof begun)[number];
      baseOffset: number;
      duplicate: boolean;
      outcome: object;
    }[] = [];
    for (const append of begun) {
      const outcome = await append.done;
      if (outcome instanceof MillraceError) expect(outcome.reason).toBe("WRONG_REVISION");
      else {
        const { baseOffset, duplicate } = outcome as { baseOffset: number; duplicate: boolean };
        ended.push({ append, baseOffset, duplicate, outcome: outcome as object });
      }
    }
    ended.sort(
      (one, other) => one.baseOffset - other.baseOffset || Number(one.duplicate) - Number(other.duplicate),
    );
    for (const { append, outcome } of ended)
      expect(outcome).toMatchObject(this.model.append(append) as object);
  }

  #expected({ stream, expected }: Append) {
    if (typeof expected === "string") return expected as "any" | "none" | "exists";
    const revision = this.model.nextRevision(stream) - 1 + expected;
    return revision < 0 ? "none" : revision;
  }

  async #produce(records: readonly PlainRecord[]): Promise<void> {
    this.model.produce(records);
    await this.rig.produce(records);
  }

  async #trim(share: number): Promise<void> {
    const offset = Math.floor(share * this.rig.log.highWatermark);
    this.model.logStart = await this.rig.log.trim(offset);
  }

  /** The index may lose its last writes, but not what it needs of records that are gone. */
  async #restart(lost: number): Promise<void> {
    await this.rig.close();
    const isWhole = this.model.logStart > 0;
    this.store = await this.store.after(Math.max(0, this.store.length - (isWhole ? 0 : lost)));
    await this.open();
  }

  async #rebuild(): Promise<void> {
    if (this.model.logStart > 0) return;
    await this.rig.close();
    this.store = new JournaledStore();
    await this.open();
  }

  async check(): Promise<void> {
    const { rig, model } = this;
    for (const name of STREAMS) {
      const forwards = await rig.read(name);
      expect(forwards.info).toEqual(model.info(name));
      expect(forwards.events.map(seen)).toEqual(model.kept(name).map(known));
      const backwards = await rig.read(name, { direction: "backwards" });
      expect(backwards.events.map(seen)).toEqual(model.kept(name).map(known).reverse());
      const should = model.fromSnapshot(name);
      const is = rig.read(name, { fromSnapshot: true });
      if (should === undefined) await expect(is).rejects.toMatchObject({ reason: "OFFSET_OUT_OF_RANGE" });
      else expect((await is).events.map(seen)).toEqual(should.map(known));
      const { firstRevision } = model.info(name);
      const part = await rig.read(name, { fromRevision: firstRevision + 1, maxEvents: 2 });
      expect(part.events.map(seen)).toEqual(model.kept(name).slice(1, 3).map(known));
    }
    expect((await this.#describeAll()).map(seen)).toEqual(model.records.slice(model.logStart).map(known));
  }

  async #describeAll(): Promise<StreamEvent[]> {
    const { log, streams } = this.rig;
    const events: StreamEvent[] = [];
    for (let fromOffset = log.logStartOffset; fromOffset < log.highWatermark; ) {
      const { chunks: batches } = await log.read(fromOffset, 500);
      const described = streams.describeRecords({
        topic: "orders",
        partition: 0,
        batches,
        fromOffset,
        bytesMax: 300,
      });
      events.push(...(await described.events));
      fromOffset = described.nextOffset;
    }
    return events;
  }
}

const seen = ({ stream, value, revision, isSnapshot }: StreamEvent) =>
  `${stream} ${isSnapshot ? "s" : ""}${revision} ${value}`;
const known = ({ stream, value, revision, isSnapshot }: ModelRecord) =>
  `${stream} ${isSnapshot ? "s" : ""}${revision} ${value}`;

describe("streams", () => {
  it("equal a model, whatever is appended, trimmed, restarted and lost of the index", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 25 }), async (commands) => {
        const world = new World();
        await world.open();
        for (const step of commands) {
          await world.run(step);
          await world.check();
        }
        await world.rig.close();
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
