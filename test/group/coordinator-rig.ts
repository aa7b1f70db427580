/** A coordinator on logs and topics that a test owns. */
import { silentLogger } from "../../src/base/index.ts";
import { MillraceError } from "../../src/errors/index.ts";
import {
  APPEND_BYTES_MAX,
  type CatalogueTopic,
  GroupCoordinator,
  type GroupCoordinatorParts,
  type GroupLog,
  type GroupLogs,
  type GroupRecord,
  type PartitionBounds,
  type TopicCatalogue,
} from "../../src/group/index.ts";
import { bytesOfRecords } from "../../src/group/storage/log-appender.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { turn } from "../support/turns.ts";

/** A log of groups in memory, whose appends a test may hold back or fail. */
export class FakeGroupLog implements GroupLog {
  readonly records: GroupRecord[] = [];
  /** How many records each append had. */
  readonly appends: number[] = [];
  /** Called before each append. */
  before: () => Promise<void> | void = () => {};
  beforeReplay: () => Promise<void> | void = () => {};

  async append(records: readonly GroupRecord[]): Promise<void> {
    await this.before();
    if (bytesOfRecords(records) > APPEND_BYTES_MAX)
      throw new Error("an append is larger than a batch can be");
    this.appends.push(records.length);
    this.records.push(...records);
  }

  async replay(visit: (record: GroupRecord) => void): Promise<void> {
    await this.beforeReplay();
    for (const record of this.records) visit(record);
  }

  /** Values by key as text, as they would be after compaction. */
  newest(): Map<string, string> {
    const newest = new Map<string, string>();
    for (const { key, value } of this.records) {
      if (value === null) newest.delete(String(key));
      else newest.set(String(key), String(value));
    }
    return newest;
  }
}

/** Two logs; a group whose name begins with "z" is in the second. */
export class FakeGroupLogs implements GroupLogs {
  readonly logs = [new FakeGroupLog(), new FakeGroupLog()];
  exist = false;

  existing(): readonly GroupLog[] | undefined {
    return this.exist ? this.logs : undefined;
  }

  async create(): Promise<readonly GroupLog[]> {
    this.exist = true;
    return this.logs;
  }

  numberOf(group: string): number {
    return group.startsWith("z") ? 1 : 0;
  }
}

/** Topics that come and go as a test says. */
export class FakeCatalogue implements TopicCatalogue {
  readonly #topics = new Map<string, CatalogueTopic>();
  /** By "topic-partition"; 0 to 100 if it is not there. */
  readonly ends = new Map<string, PartitionBounds | MillraceError>();
  readonly #listeners: (() => void)[] = [];
  #ids = 0;

  set(name: string, partitionCount: number): void {
    const topicId = this.#topics.get(name)?.topicId ?? `id${this.#ids++}`;
    this.#topics.set(name, { name, topicId, partitionCount });
    for (const changed of this.#listeners) changed();
  }

  delete(name: string): void {
    this.#topics.delete(name);
    for (const changed of this.#listeners) changed();
  }

  topics(): Iterable<CatalogueTopic> {
    return this.#topics.values();
  }

  topic(name: string): CatalogueTopic | undefined {
    return this.#topics.get(name);
  }

  listen(changed: () => void): void {
    this.#listeners.push(changed);
  }

  bounds(topic: string, partition: number): PartitionBounds | MillraceError {
    const found = this.#topics.get(topic);
    if (found === undefined) return new MillraceError("TOPIC_NOT_FOUND", `there is no topic ${topic}`);
    if (partition >= found.partitionCount)
      return new MillraceError("PARTITION_NOT_FOUND", "no such partition");
    return this.ends.get(`${topic}-${partition}`) ?? { logStartOffset: 0, highWatermark: 100 };
  }

  beforeLookUp: () => Promise<void> | void = () => {};

  /** Offset 50 is of the time 1,000; later there is nothing. */
  async findByTimestamp(
    _topic: string,
    _partition: number,
    timestampMs: number,
  ): Promise<number | undefined> {
    await this.beforeLookUp();
    return timestampMs <= 1_000 ? 50 : undefined;
  }
}

/** A coordinator with what it stands on. */
export interface CoordinatorRig {
  readonly groups: GroupCoordinator;
  readonly logs: FakeGroupLogs;
  readonly log: FakeGroupLog;
  readonly catalogue: FakeCatalogue;
  readonly clock: ManualClock;
  /** Commits by hand. */
  commit(group: string, topic: string, offsets: Readonly<Record<number, number>>): Promise<unknown>;
  /** Stops this one without a word, as a crash does, and starts another on the same logs. */
  restart(): Promise<CoordinatorRig>;
}

/** A coordinator that has read what its logs have. */
export async function coordinatorRig(
  options: Partial<GroupCoordinatorParts> = {},
  from: Pick<CoordinatorRig, "logs" | "catalogue" | "clock"> = {
    logs: new FakeGroupLogs(),
    catalogue: new FakeCatalogue(),
    clock: new ManualClock(),
  },
): Promise<CoordinatorRig> {
  const { logs, catalogue, clock } = from;
  const groups = new GroupCoordinator({ logs, catalogue, clock, logger: silentLogger, ...options });
  groups.start();
  await turn();
  return {
    ...from,
    groups,
    log: logs.logs[0]!,
    commit: (group, topic, offsets) =>
      groups.commit({
        group,
        member: undefined,
        offsets: Object.entries(offsets).map(([partition, offset]) => {
          return { topic, partition: Number(partition), offset, metadata: "", rewind: false };
        }),
      }),
    restart: () => coordinatorRig(options, from),
  };
}

/** The offsets of a group by "topic-partition". */
export function offsetsOf({ groups }: Pick<CoordinatorRig, "groups">, group: string): Record<string, number> {
  const found = groups.committed(group, []).map(({ topic, partition, committed }) => {
    return [`${topic}-${partition}`, committed!.offset] as const;
  });
  return Object.fromEntries(found);
}

/** A coordinator beside one topic, "t". */
export async function rigWithTopic(partitionCount = 4) {
  const rig = await coordinatorRig();
  rig.catalogue.set("t", partitionCount);
  return rig;
}
