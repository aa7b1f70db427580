/** Log and index after a crash at any operation of the log's disk, with an index that lost any of its last writes. */
import { describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import { FaultPlan, FaultyFileSystem, FileSystemError, MemoryFileSystem } from "../../src/fs/index.ts";
import { RecordCursor, iterateBatches } from "../../src/record/index.ts";
import type { StreamEvent } from "../../src/stream/index.ts";
import { type Ending, runWithEach } from "../broker/crash-endings.ts";
import { LogRig } from "../log/log-rig.ts";
import { settled } from "../support/turns.ts";
import { JournaledStore } from "./journaled-store.ts";
import { StreamRig } from "./stream-rig.ts";

const STREAMS = ["a", "b", "c"];
const CONFIG = { segmentBytes: 900, batchBytesMax: 600 };

/** An event that was acknowledged. */
interface Promised {
  readonly stream: string;
  readonly revision: number;
  readonly offset: number;
}

/** A life of some streams, and what it was promised. */
class Life {
  readonly store = new JournaledStore();
  readonly promised: Promised[] = [];
  /** Writes of the index that the log start relies on. */
  storeLengthMin = 0;
  readonly rig: StreamRig;

  constructor(disk: MemoryFileSystem, faults: FaultPlan) {
    const logs = new LogRig({ fs: new FaultyFileSystem(disk, faults), config: CONFIG });
    logs.onPersistLogStart = async () => {
      this.storeLengthMin = this.store.length;
    };
    this.rig = new StreamRig({ store: this.store }, logs);
  }

  async live(): Promise<void> {
    await settled(this.rig.open(), "opening");
    for (let round = 0; round < 4; round++) {
      await this.#append("a", 2);
      await Promise.all([this.#append("b", 1), this.#append("b", 2), this.#produce(), this.#append("c", 1)]);
      await this.#append("a", 1, `key-${round}`);
      if (round > 0) await this.#attempt(() => this.rig.append("a", ["s"], { snapshotRevision: round }));
      if (round === 2) await this.#attempt(() => this.rig.log.trim(9));
    }
    await settled(this.rig.close(), "closing");
  }

  async #append(stream: string, count: number, idempotencyKey?: string): Promise<void> {
    const values = Array.from({ length: count }, () => "v");
    const done = await this.#attempt(() => this.rig.append(stream, values, { idempotencyKey }));
    if (done?.outcome !== "appended") return;
    for (let i = 0; i < count; i++) {
      this.promised.push({ stream, revision: done.firstRevision + i, offset: done.baseOffset + i });
    }
  }

  async #produce(): Promise<void> {
    await this.#attempt(() =>
      this.rig.produce([
        { key: "c", value: "p" },
        { key: null, value: "n" },
      ]),
    );
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await settled(work(), "a step");
    } catch (error) {
      if (
        error instanceof FileSystemError ||
        (error instanceof MillraceError && error.reason !== "INTERNAL")
      ) {
        return undefined;
      }
      throw error;
    }
  }
}

interface LogRecord {
  readonly stream: string;
  readonly offset: number;
  readonly header: string | undefined;
  readonly isSnapshot: boolean;
}

async function recordsOf({ log }: StreamRig): Promise<LogRecord[]> {
  const cursor = new RecordCursor();
  const records: LogRecord[] = [];
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const { chunks, nextOffset } = await log.read(offset, 1_000);
    for (const chunk of chunks) {
      for (const position of iterateBatches(chunk)) {
        cursor.reset(chunk, position);
        while (cursor.next()) {
          if (cursor.offset < offset || cursor.key === null) continue;
          const header = (name: string) => cursor.headers.find(({ key }) => key === name)?.value?.toString();
          const isSnapshot = header("millrace.snapshot") !== undefined;
          records.push({
            stream: String(cursor.key),
            offset: cursor.offset,
            header: header("millrace.revision"),
            isSnapshot,
          });
        }
      }
    }
    offset = nextOffset;
  }
  return records;
}

/** What is wrong between log, index and promises. */
async function objections(rig: StreamRig, life: Life): Promise<string[]> {
  const found: string[] = [];
  const records = await recordsOf(rig);
  for (const stream of STREAMS) {
    const { info, events } = await rig.read(stream);
    const own = records.filter((record) => record.stream === stream && !record.isSnapshot);
    const offsets = (list: readonly { offset: number }[]) => list.map(({ offset }) => offset).join();
    if (offsets(own) !== offsets(events))
      found.push(`${stream} has ${offsets(own)}, read was ${offsets(events)}`);
    found.push(...objectionsToRevisions(stream, events, own, info.firstRevision));
    for (const promise of life.promised.filter((each) => each.stream === stream)) {
      const { revision, offset } = promise;
      if ((info.lastRevision ?? -1) < revision) found.push(`${stream} forgot revision ${revision}`);
      const event = events.find((each) => each.offset === offset);
      if (offset >= rig.log.logStartOffset && event?.revision !== revision) {
        found.push(`${stream} has ${event?.revision} at ${offset}, promised was ${revision}`);
      }
    }
    const last = info.lastRevision;
    const done = await rig.append(stream, ["after"], { expected: last ?? "none" });
    if (done.outcome !== "appended" || done.firstRevision !== (last ?? -1) + 1)
      found.push(`${stream} is stuck`);
  }
  return found;
}

function objectionsToRevisions(
  stream: string,
  events: readonly StreamEvent[],
  records: readonly LogRecord[],
  firstRevision: number,
): string[] {
  return events.flatMap(({ revision }, index) => {
    const wanted = records[index]?.header ?? String(firstRevision + index);
    return String(revision) === wanted && revision === firstRevision + index
      ? []
      : [`${stream} has revision ${revision} in place ${index}, wanted was ${wanted}`];
  });
}

async function run(faults: FaultPlan, ending: Ending, seed: number): Promise<string[]> {
  const disk = new MemoryFileSystem({ crashModel: true });
  await disk.makeDirectory("/log");
  await disk.syncDirectory("/");
  const life = new Life(disk, faults);
  await life.live().catch((error: unknown) => {
    if (!(error instanceof FileSystemError)) throw error;
  });
  const random = seededRandom(seed);
  const kept =
    life.storeLengthMin + Math.floor(random.fraction() * (life.store.length - life.storeLengthMin + 1));
  const logs = life.rig.logs.movedTo(disk.crash(random, { mode: ending }));
  const rig = new StreamRig({ store: await life.store.after(kept) }, logs);
  await rig.open();
  const found = await objections(rig, life);
  await rig.close();
  return found;
}

describe("streams after a crash", () => {
  it.each(["write", "datasync"] as const)(
    "agree with their log and with what was promised, whichever %s fails",
    async (name) => {
      const dryRun = new FaultPlan();
      expect(await run(dryRun, "power", 1)).toEqual([]);
      const operations = [...dryRun.operations.entries()].filter(([, operation]) => operation.name === name);
      const { count, found } = await runWithEach(operations, run);
      expect(count).toBeGreaterThan(20);
      expect(found).toEqual([]);
    },
    60_000,
  );
});
