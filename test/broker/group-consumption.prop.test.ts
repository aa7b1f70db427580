import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Broker } from "../../src/broker/index.ts";
import { turn } from "../support/turns.ts";
import { append, assigned, brokerWithRecords, consumer, place, quiet, type Told } from "./consume-rig.ts";

const PARTITIONS = 2;
const partition = fc.nat(PARTITIONS - 1);
const offset = fc.nat(25);

/** What may happen to a consumer, in any order. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      partition,
      records: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("credit" as const), records: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("assign" as const), partition }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("revoke" as const), partition }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("release" as const), partition }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("commit" as const), partition, offset: fc.option(offset) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("turn" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trim" as const), partition, offset }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("seek" as const), partition, offset }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pause" as const), partition }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("resume" as const), partition }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Rig = Awaited<ReturnType<typeof consumer>>;

/** Where the coordinator thinks each partition is, and what it has committed. */
class Coordinator {
  readonly states: ("free" | "assigned" | "revoked")[] = Array(PARTITIONS).fill("free");
  readonly committed: (number | undefined)[] = Array(PARTITIONS).fill(undefined);
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
    rig.groups.answer = ({ offsets }) =>
      offsets.map((commit) => {
        const before = this.committed[commit.partition] ?? 0;
        const now = commit.rewind ? commit.offset : Math.max(before, commit.offset);
        this.committed[commit.partition] = now;
        return now;
      });
  }

  assign(number: number): void {
    if (this.states[number] !== "free") return;
    this.states[number] = "assigned";
    this.#rig.member.change({ assigned: [assigned(number, this.committed[number])] });
  }

  revoke(number: number): void {
    if (this.states[number] !== "assigned") return;
    this.states[number] = "revoked";
    this.#rig.member.change({ revoked: [place(number)] });
  }

  release(number: number): void {
    if (this.states[number] !== "revoked") return;
    this.#rig.consumption.release([place(number)]);
    this.states[number] = "free";
  }
}

async function take(
  broker: Broker,
  rig: Rig,
  coordinator: Coordinator,
  taken: Step,
  id: number,
): Promise<void> {
  const { consumption } = rig;
  switch (taken.kind) {
    case "append":
      return append(broker, taken.records, taken.partition);
    case "trim": {
      const { logStartOffset, highWatermark } = broker.describeTopic("t").partitions[taken.partition]!;
      const before = Math.min(Math.max(taken.offset, logStartOffset), highWatermark);
      await broker.trimPartition("t", taken.partition, before);
      return;
    }
    case "assign":
    case "revoke":
      return coordinator[taken.kind](taken.partition);
    case "release":
      // A consumer that gives up has its commits answered before, or the next owner begins too early.
      await quiet();
      return coordinator.release(taken.partition);
    case "commit":
      return commit(rig, taken.partition, taken.offset);
    case "seek":
      return consumption.seek({ ...place(taken.partition), assignmentId: id }, taken.offset);
    case "pause":
    case "resume":
      return consumption[taken.kind]([place(taken.partition)]);
    case "credit":
      return consumption.addCredit(taken.records, 10_000);
    case "turn":
      return turn();
  }
}

/** Commits, and sees that nothing goes through beyond what was delivered or where reading was. */
function commit(rig: Rig, number: number, wanted: number | null): void {
  const reached = new Map<number, number>();
  for (const told of rig.sink.told) {
    if (!("delivered" in told)) continue;
    const { partition: of, to } = told.delivered;
    reached.set(of, Math.max(reached.get(of) ?? 0, to));
  }
  const offsets = wanted === null ? [] : [{ ...place(number), offset: wanted, metadata: "", rewind: false }];
  const sent = rig.groups.commits.length;
  void rig.consumption.commit(offsets);
  if (wanted !== null) return;
  for (const command of rig.groups.commits.slice(sent)) {
    for (const one of command.offsets)
      expect(one.offset).toBeLessThanOrEqual(reached.get(one.partition) ?? -1);
  }
}

/** Follows what the consumer was told, and fails if it was told what cannot be. */
function check(told: readonly Told[], sought: ReadonlyMap<number, number>): void {
  const owned = new Map<number, number | undefined>();
  for (const event of told) {
    if ("assigned" in event) {
      for (const { partition: of, offset: from } of event.assigned.partitions) {
        expect(owned.has(of)).toBe(false);
        owned.set(of, from);
      }
    } else if ("revoked" in event) {
      for (const { partition: of } of event.revoked) expect(owned.delete(of)).toBe(true);
    } else if ("gap" in event) {
      expect(owned.has(event.gap.partition)).toBe(true);
      expect(event.gap.lost).toBe(Math.max(0, event.gap.to - event.gap.from));
      owned.set(event.gap.partition, event.gap.to);
    } else if ("delivered" in event) {
      const { partition: of, from, to } = event.delivered;
      expect(owned.has(of)).toBe(true);
      const isSought = event.id > 0 && sought.get(event.id) === from;
      if (!isSought) expect(from).toBe(owned.get(of));
      expect(to).toBeGreaterThan(from);
      owned.set(of, to);
    }
  }
}

describe("a consumer of a group, whatever happens", () => {
  it("gets its own partitions alone, each without holes but those it was told, and commits no more", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 30, maxLength: 100 }),
        fc.constantFrom("start", "end", "fail"),
        async (steps, policy) => {
          const broker = await brokerWithRecords(PARTITIONS);
          const rig = await consumer(broker, { onGap: policy, onNoOffset: "start" });
          rig.consumption.addCredit(-999_990, -1e9 + 10_000);
          const coordinator = new Coordinator(rig);
          const sought = new Map<number, number>();
          for (let number = 0; number < PARTITIONS; number++) coordinator.assign(number);
          for (const [index, taken] of steps.entries()) {
            if (taken.kind === "seek") sought.set(index + 1, taken.offset);
            await take(broker, rig, coordinator, taken, index + 1);
          }
          rig.consumption.addCredit(1_000, 1e6);
          await quiet();
          check(rig.sink.told, sought);
          await broker.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});
