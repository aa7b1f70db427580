import { SerialQueue } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { OffsetGap } from "../api/group-consumer.ts";
import type { StartPosition } from "../api/places.ts";
import { Backoff, pause } from "../backoff.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { PartitionReader } from "../reader/partition-reader.ts";
import type { ConsumerSettings } from "./consumer-settings.ts";
import type { OwnedPartition } from "./owned-partition.ts";

/** What a starter needs, and who hears of it. */
export interface StarterPorts {
  readonly cluster: Cluster;
  readonly reader: PartitionReader;
  /** The partition is read from now on. */
  started(owner: OwnedPartition): void;
  /** The group's offset was no place to begin; told before anything is handed out. */
  gap(gap: OffsetGap): void;
  failed(error: MillraceError): void;
  retrying(error: MillraceError): void;
}

/** Where to begin, and why there. */
interface Start {
  readonly owner: OwnedPartition;
  readonly from: StartPosition;
  /** The program sought it, or it is where the group would go on anyway. */
  readonly isCommitted: boolean;
  /** Of an offset that has expired. */
  readonly expired: MillraceError | undefined;
}

/** Lets partitions that came be read: from where the group has got to, or else from where the program wants it. */
export class PartitionStarter {
  readonly #settings: ConsumerSettings;
  readonly #ports: StarterPorts;
  readonly #starting = new Set<OwnedPartition>();
  /** One for each topic: two that place a partition must not get in between each other. */
  readonly #lines = new Map<string, SerialQueue>();

  constructor(settings: ConsumerSettings, ports: StarterPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  /** Begins with partitions that are ready, again and again while that may help. Resolves when that is over. */
  async start(owners: readonly OwnedPartition[]): Promise<void> {
    const byTopic = new Map<string, OwnedPartition[]>();
    for (const owner of owners) {
      if (this.#starting.has(owner)) continue;
      this.#starting.add(owner);
      const others = byTopic.get(owner.topic);
      if (others) others.push(owner);
      else byTopic.set(owner.topic, [owner]);
    }
    await Promise.all([...byTopic.values()].map((all) => this.#startAll(all)));
  }

  /** Moves a partition that is read. */
  move(owner: OwnedPartition, to: StartPosition): Promise<void> {
    return this.#lineOf(owner).run(async () => {
      if (owner.phase !== "reading") return;
      const { topic, partition } = owner;
      const { reader } = this.#ports;
      await reader.assign([{ topic, partition, from: to }]);
      if (this.#isStray(owner, "reading")) return;
      if (owner.isPaused || owner.isHeld) reader.pause([owner]);
      const position = reader.position(topic, partition);
      if (position !== undefined) owner.begin(position, true);
    });
  }

  async #startAll(owners: readonly OwnedPartition[]): Promise<void> {
    const { clock, random } = this.#ports.cluster;
    const { retryTimeoutMs } = this.#settings.membership;
    const backoff = new Backoff(random);
    const untilMs = clock.monotonicMs() + retryTimeoutMs;
    let isOver = false;
    while (!isOver) {
      try {
        isOver = await this.#lineOf(owners[0]!).run(() => this.#tryToStart(owners));
      } catch (thrown) {
        const error = MillraceError.from(thrown);
        const waitMs = backoff.next(error);
        isOver = error.retry === "never" || clock.monotonicMs() + waitMs >= untilMs;
        if (isOver) this.#ports.failed(error);
        else {
          this.#ports.retrying(error);
          await pause(clock, waitMs);
        }
      }
    }
    for (const owner of owners) this.#starting.delete(owner);
  }

  /** False if the program moved one of them meanwhile, and it has to be done again. */
  async #tryToStart(all: readonly OwnedPartition[]): Promise<boolean> {
    const owners = all.filter(({ phase }) => phase === "starting");
    const starts = owners.flatMap((owner) => this.#startOf(owner) ?? []);
    if (starts.length === 0) return true;
    const sought = starts.map(({ owner }) => owner.sought);
    const { reader } = this.#ports;
    await reader.assign(starts.map(({ owner: { topic, partition }, from }) => ({ topic, partition, from })));
    const isMoved = starts.map(({ owner }, index) => owner.sought !== sought[index]);
    for (const [index, start] of starts.entries()) if (!isMoved[index]) this.#begin(start);
    return !isMoved.includes(true);
  }

  #begin({ owner, isCommitted, expired }: Start): void {
    const { reader } = this.#ports;
    if (this.#isStray(owner, "starting")) return;
    owner.phase = "reading";
    const position = reader.position(owner.topic, owner.partition);
    if (position === undefined) return; // offline: the iteration throws why
    const gone = owner.found?.offset ?? 0;
    owner.begin(position, isCommitted);
    if (expired !== undefined) {
      const lost = Math.max(0, position - gone);
      const { topic, partition } = owner;
      this.#ports.gap({ topic, partition, from: gone, to: position, lost, error: expired });
    }
    this.#ports.started(owner);
  }

  /** Whether the partition was given up while its place was looked up: then it is not to be read. */
  #isStray(owner: OwnedPartition, phase: OwnedPartition["phase"]): boolean {
    if (owner.phase === phase) return false;
    const { reader } = this.#ports;
    if (reader.has(owner)) reader.unassign([owner]);
    return true;
  }

  #lineOf({ topic }: OwnedPartition): SerialQueue {
    let line = this.#lines.get(topic);
    if (line === undefined) {
      line = new SerialQueue();
      this.#lines.set(topic, line);
    }
    return line;
  }

  #startOf(owner: OwnedPartition): Start | undefined {
    const { startFrom, onGap } = this.#settings;
    const { found, sought } = owner;
    if (sought !== undefined) return { owner, from: sought, isCommitted: true, expired: undefined };
    if (found !== undefined && !found.isExpired) {
      return { owner, from: found.offset, isCommitted: true, expired: undefined };
    }
    const expired = found === undefined ? undefined : expiredError(owner, found.offset);
    const from = found === undefined ? startFrom : onGap;
    if (from !== "fail") {
      return { owner, from, isCommitted: found === undefined && from === "start", expired };
    }
    this.#ports.failed(expired ?? nothingCommitted(owner));
    return undefined;
  }
}

function expiredError({ topic, partition }: OwnedPartition, offset: number): MillraceError {
  const text = `the committed offset ${offset} of partition ${partition} of topic "${topic}" has expired: nobody was in the group for longer than the offsets retention; say with onGap where to go on, or seek`;
  return new MillraceError("OFFSET_OUT_OF_RANGE", text, { details: { topic, partition, offset } });
}

function nothingCommitted({ topic, partition }: OwnedPartition): MillraceError {
  const text = `the group has committed no offset of partition ${partition} of topic "${topic}"; say with startFrom where to begin, or seek`;
  return new MillraceError("OFFSET_OUT_OF_RANGE", text, { details: { topic, partition } });
}
