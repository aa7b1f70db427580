/**
 * The whole path through the SDK: producer, broker and consumer are processes of their own, beside bare grpc-js that
 * carries (and writes, and syncs) as many bytes in batches of the same size.
 */
import { join } from "node:path";
import { bareWrite } from "./limits.ts";
import type { BenchContext } from "./support/bench-context.ts";
import { compare, median } from "./support/comparison.ts";
import { printProfiles } from "./support/cpu-profile.ts";
import { DELIVERY_BYTES, type Load, type LoadRun, PathRig } from "./support/path-rig.ts";
import { framing, MB, RECORD_SIZES } from "./support/record-sizes.ts";
import type { BenchRow, Goal } from "./support/report.ts";

const DURABILITIES = ["durable", "written"] as const;
const PRODUCE_GOALS: Readonly<Record<number, Goal>> = {
  100: { atLeast: 1.5e6, unit: "records/s" },
  1024: { atLeast: 250, unit: "MB/s" },
};
const CONSUME_GOALS: Readonly<Record<number, Goal>> = {
  100: { atLeast: 3e6, unit: "records/s" },
  1024: { atLeast: 500, unit: "MB/s" },
};
const MEMORY_GOAL: Goal = { atMost: 300, unit: "MB" };

/** What is measured, and what bounds it. */
interface Measured {
  readonly measured: () => Promise<LoadRun>;
  /** Returns MB/s. */
  readonly bare: () => Promise<number>;
  readonly limit: string;
  readonly goal: Goal | undefined;
}

/** Produces and consumes every load, and tells what memory that took. */
export async function benchPath(context: BenchContext): Promise<BenchRow[]> {
  const rows = await PathRig.use(context, async (rig) => {
    const bench = new PathBench(context, rig);
    return [...(await bench.network()), ...(await bench.loads()), ...(await bench.memory())];
  });
  const { profileFolder } = context;
  if (profileFolder !== undefined) printProfiles(profileFolder, ["broker", "producer", "consumer"], 25);
  return rows;
}

class PathBench {
  readonly #context: BenchContext;
  readonly #rig: PathRig;
  readonly #file: string;

  constructor(context: BenchContext, rig: PathRig) {
    this.#context = context;
    this.#rig = rig;
    this.#file = join(context.folder, "down.log");
  }

  /** gRPC without a disk against TCP. */
  async network(): Promise<BenchRow[]> {
    const { rounds, roundBytes } = this.#context.scale;
    const name = "bare gRPC stream, 256 KiB up, acks down";
    if (!this.#context.wants(name)) return [];
    this.#context.progress(name);
    const up = () => this.#rig.bareUpload(roundBytes, "dropped", 1);
    const { value, limit, share } = await compare(rounds, up, () => this.#rig.bareTcp(roundBytes));
    return [
      { name, value, unit: "MB/s", limit: { name: "bare TCP, 64 KiB", value: limit, unit: "MB/s", share } },
    ];
  }

  async loads(): Promise<BenchRow[]> {
    const piece = Buffer.alloc(DELIVERY_BYTES, "v");
    const { roundBytes } = this.#context.scale;
    await bareWrite({ path: this.#file, next: () => piece, groupBuffers: 1, bytes: roundBytes, keep: true });
    const rows: BenchRow[] = [];
    for (const load of this.#allLoads()) {
      for (const durability of DURABILITIES) rows.push(...(await this.#produce(load, durability)));
      rows.push(...(await this.#consume(load)));
    }
    return rows;
  }

  async memory(): Promise<BenchRow[]> {
    const memory = await this.#rig.broker.memory();
    if (memory === undefined) return [];
    const name = "broker, resident memory at its peak";
    return [{ name, value: memory.peak / MB, unit: "MB", goal: MEMORY_GOAL }];
  }

  #allLoads(): Load[] {
    const { roundBytes } = this.#context.scale;
    const load = (label: string, recordBytes: number, partitions: number, isKeyed = false): Load => {
      const name = `${label}, ${partitions} partition${partitions > 1 ? "s" : ""}${isKeyed ? ", keyed" : ""}`;
      const recordCount = Math.ceil(roundBytes / recordBytes);
      return { label: name, recordBytes, recordCount, partitions, isKeyed };
    };
    const plain = RECORD_SIZES.flatMap(({ label, bytes }) => [load(label, bytes, 1), load(label, bytes, 6)]);
    return [...plain, load("100 B", 100, 6, true)];
  }

  async #produce(load: Load, durability: (typeof DURABILITIES)[number]): Promise<BenchRow[]> {
    const { scale, wants, progress } = this.#context;
    const name = `produce ${load.label}, ${durability}`;
    if (!wants(name)) return [];
    progress(name);
    const produced = async () => {
      const topic = await this.#rig.createTopic(load.partitions, durability);
      const run = await this.#rig.produce(topic, load);
      await this.#rig.deleteTopic(topic);
      return run;
    };
    const bare = () => this.#rig.bareUpload(scale.roundBytes, durability, load.partitions);
    const files = load.partitions === 1 ? "a file" : `${load.partitions} files`;
    const limit = `bare gRPC into ${files}${durability === "durable" ? " + fdatasync" : ""}`;
    const goal = durability === "durable" ? PRODUCE_GOALS[load.recordBytes] : undefined;
    return [await this.#row(name, load, { measured: produced, bare, limit, goal })];
  }

  async #consume(load: Load): Promise<BenchRow[]> {
    const { wants, progress } = this.#context;
    const name = `consume ${load.label}`;
    if (!wants(name)) return [];
    progress(name);
    const topic = await this.#rig.createTopic(load.partitions, "durable");
    await this.#rig.produce(topic, load);
    const row = await this.#row(name, load, {
      measured: () => this.#rig.consume(topic, load),
      bare: () => this.#rig.bareDownload(this.#file),
      limit: "bare gRPC from a file, 1 MiB",
      goal: CONSUME_GOALS[load.recordBytes],
    });
    await this.#rig.deleteTopic(topic);
    return [row];
  }

  async #row(name: string, { recordBytes }: Load, what: Measured): Promise<BenchRow> {
    const runs: LoadRun[] = [];
    // The bare stream moves the same batches, so a share counts the bytes of batches.
    const perPayload = framing(recordBytes);
    const measured = async () => {
      const run = await what.measured();
      runs.push(run);
      return run.mbPerSecond * perPayload;
    };
    const compared = await compare(this.#context.scale.rounds, measured, what.bare);
    const { limit, share } = compared;
    const value = compared.value / perPayload;
    const costs = runs.slice(1).map((run) => run.cost); // the first was the warm-up
    return {
      name,
      value: (value * MB) / recordBytes,
      unit: "records/s",
      mbPerSecond: value,
      cost: {
        broker: median(costs.map((cost) => cost.broker)),
        program: median(costs.map((cost) => cost.program)),
      },
      limit: { name: what.limit, value: limit, unit: "MB/s", share },
      ...(what.goal !== undefined && { goal: what.goal }),
    };
  }
}
