/** The life of two groups on a broker whose disk fails, and what is promised of them on the way. */
import { MillraceError } from "../../src/errors/index.ts";
import type { CommitCommand } from "../../src/group/index.ts";
import { batchOf } from "../log/batches.ts";
import { memberOf } from "../group/members.ts";
import { watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { CHECKPOINT_MS, type CrashWorld } from "./crash-world.ts";
import type { GroupLedger } from "./group-ledger.ts";

const PARTITIONS = [0, 1, 2];
const place = (partition: number) => ({ topic: "orders", partition });

/** Steps of groups in a world, noted in a ledger. */
export class GroupLife {
  readonly #world: CrashWorld;
  readonly #ledger: GroupLedger;

  constructor(world: CrashWorld, ledger: GroupLedger) {
    this.#world = world;
    this.#ledger = ledger;
  }

  get #groups() {
    return this.#world.broker.groups;
  }

  /** Everything that groups store, from the first one to a restart. */
  async live(): Promise<void> {
    await this.open();
    await this.#try(() => this.#world.broker.createTopic({ name: "orders", partitionCount: 3 }));
    for (const { partition } of PARTITIONS.map(place)) {
      const batch = () => batchOf(Array.from({ length: 20 }, (_, i) => `v${i}`));
      await this.#try(() => this.#world.broker.produce("orders", partition, batch(), "durable"));
    }
    await this.join("a");
    await this.commitOwn(3);
    await Promise.all([this.join("b"), this.commit("h", { 0: 1, 1: 2 })]);
    await this.commitOwn(6);
    await this.seekToStart("h");
    await this.#world.pass(CHECKPOINT_MS);
    await this.leave("b");
    await this.commitOwn(9);
    await this.#world.close();
    await this.open();
    await this.comeBack();
    await this.commitOwn(12);
    await this.deleteGroup("h");
    await this.join("c");
    await this.commitOwn(15);
  }

  /** Starts a broker and waits until it has read its groups. */
  async open(): Promise<void> {
    await this.#world.open();
    await this.#try(async () => this.#groups.list());
  }

  /** All who were in the group come back with what they have. */
  async comeBack(): Promise<void> {
    for (const [memberId, { state, member }] of [...this.#ledger.members]) {
      if (state === "in" && member !== undefined) await this.join(memberId, member.epoch);
    }
  }

  async join(memberId: string, memberEpoch = 0): Promise<void> {
    const before = this.#ledger.members.get(memberId);
    if (memberEpoch === 0) this.#ledger.members.set(memberId, { state: "unsure", member: undefined });
    const owned = [...(before?.member?.partitions.values() ?? [])].map(({ partition }) => place(partition));
    const join = { group: "g", memberId, memberEpoch, owned, topics: ["orders"] };
    const member = await this.#try(() => memberOf(this.#groups, join));
    if (member === undefined) return;
    this.#ledger.members.set(memberId, { state: "in", member });
    await turn();
  }

  async leave(memberId: string): Promise<void> {
    const known = this.#ledger.members.get(memberId);
    if (known?.member === undefined) return;
    known.state = "unsure";
    const left = await this.#try(async () => {
      await known.member!.session.leave();
      return true;
    });
    if (left) known.state = "out";
    await turn();
  }

  /** Every member commits an offset of all it has; resolves to the failures. */
  async commitOwn(offset: number): Promise<void> {
    await Promise.all(
      [...this.#ledger.members].map(async ([memberId, { state, member }]) => {
        if (state !== "in" || member === undefined || member.end !== undefined) return;
        const own = [...member.partitions.values()].map(({ partition }) => [partition, offset] as const);
        await this.commit("g", Object.fromEntries(own), { memberId, memberEpoch: member.epoch });
      }),
    );
  }

  async commit(
    group: string,
    offsets: Readonly<Record<number, number>>,
    member?: CommitCommand["member"],
  ): Promise<void> {
    const wanted = Object.entries(offsets).map(([partition, offset]) => ({
      ...place(Number(partition)),
      offset,
      metadata: "",
      rewind: true,
    }));
    if (wanted.length === 0) return;
    for (const commit of wanted) this.#ledger.asked(group, commit, commit.offset);
    const results = await this.#try(() => this.#groups.commit({ group, member, offsets: wanted }));
    for (const [index, commit] of wanted.entries()) {
      const result = results?.[index];
      if (typeof result === "number") this.#ledger.acknowledged(group, commit, result);
      else if (result?.effect === "none") this.#ledger.refused(group, commit);
    }
  }

  async seekToStart(group: string): Promise<void> {
    for (const partition of PARTITIONS) this.#ledger.asked(group, place(partition), 0);
    const command = { group, topic: "orders", partitions: [], to: "start", dryRun: false } as const;
    const sought = await this.#try(() => this.#groups.seek(command));
    for (const moved of sought ?? []) this.#ledger.acknowledged(group, moved, moved.after);
  }

  async deleteGroup(group: string): Promise<void> {
    for (const partition of PARTITIONS) this.#ledger.asked(group, place(partition), undefined);
    const deleted = await this.#try(async () => {
      await this.#groups.delete(group);
      return true;
    });
    if (deleted)
      for (const partition of PARTITIONS) this.#ledger.acknowledged(group, place(partition), undefined);
  }

  /** What a healthy broker must still do: take back who was in, let them commit, and let others join. */
  async goOn(offset: number): Promise<string[]> {
    await this.comeBack();
    await this.join(`new${offset}`);
    await this.commitOwn(offset);
    const problems: string[] = [];
    for (const [memberId, { state, member }] of this.#ledger.members) {
      if (state === "in" && member?.end !== undefined)
        problems.push(`${memberId} ended: ${member.end.message}`);
    }
    const { members, state } = this.#groups.describe("g");
    const assigned = members.filter(({ connected }) => connected).flatMap((member) => member.assigned);
    if (state === "stable" && members.every(({ connected }) => connected) && assigned.length !== 3) {
      problems.push(`${assigned.length} of 3 partitions are assigned`);
    }
    for (const partition of assigned.map((owned) => owned.partition)) {
      const committed = this.#groups.committed("g", [place(partition)])[0]?.committed?.offset;
      if (committed !== offset) problems.push(`orders-${partition} is at ${committed}, not at ${offset}`);
    }
    return problems;
  }

  /** Does something that may need time and may fail in the ways that a caller must expect. */
  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    const working = watch(this.#retried(work));
    for (let turns = 0; turns < 40 && working.state === "pending"; turns++) {
      await turn();
      if (turns > 4) this.#world.clock.advance(250);
    }
    // Throws if the power is gone.
    await this.#world.step("looking around", turn);
    if (working.state === "pending") throw new Error(`hangs: ${String(work)}`);
    if (working.state === "resolved") return working.value as T;
    if (working.value instanceof MillraceError) return undefined;
    throw working.value;
  }

  async #retried<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof MillraceError) || error.reason !== "COORDINATOR_LOADING") throw error;
        await turn();
      }
    }
  }
}
