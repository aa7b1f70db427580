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
  /** The group's offset was no place to begin; told before anything is handed out. May throw: then it does not begin. */
  gap(gap: OffsetGap): void;
  failed(thrown: unknown): void;
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
  /** One for each topic with anything to do: two that place a partition must not get in between each other. */
  readonly #lines = new Map<string, { readonly queue: SerialQueue; users: number }>();

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

  /** Whether a partition is ready to be read, and not about to be. */
  hasFailed(owner: OwnedPartition): boolean {
    return owner.phase === "starting" && owner.isReady && !this.#starting.has(owner);
  }

  /** Moves a partition that is read. */
  move(owner: OwnedPartition, to: StartPosition): Promise<void> {
    return this.#inLine(owner, async () => {
      if (owner.phase !== "reading") return;
      const { topic, partition } = owner;
      const { reader } = this.#ports;
      await reader.assign([{ topic, partition, from: to }]);
      if (this.#isStray(owner, "reading")) return;
      if (owner.isPaused || owner.isHeld) reader.pause([owner]);
      this.#place(owner, true);
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
        isOver = await this.#inLine(owners[0]!, () => this.#tryToStart(owners));
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
    for (const [index, start] of starts.entries()) {
      const isMoved = () => start.owner.sought !== sought[index];
      if (!this.#isStray(start.owner, "starting") && !isMoved()) this.#begin(start, isMoved);
    }
    return !starts.some(({ owner }, index) => owner.phase === "starting" && owner.sought !== sought[index]);
  }

  #begin({ owner, isCommitted, expired }: Start, isMoved: () => boolean): void {
    const { reader } = this.#ports;
    if (!reader.isAssigned(owner)) return; // offline: the iteration throws why
    if (expired !== undefined) {
      try {
        this.#tellGap(owner, expired);
      } catch (thrown) {
        reader.unassign([owner]);
        this.#ports.failed(thrown);
        return;
      }
      if (this.#isStray(owner, "starting") || isMoved()) return;
    }
    owner.phase = "reading";
    this.#place(owner, isCommitted);
    this.#ports.started(owner);
  }

  #tellGap({ topic, partition, found }: OwnedPartition, error: MillraceError): void {
    const from = found?.offset ?? 0;
    const to = this.#ports.reader.position(topic, partition) ?? from;
    this.#ports.gap({ topic, partition, from, to, lost: Math.max(0, to - from), error });
  }

  /** The owner's books begin where the reader does. */
  #place(owner: OwnedPartition, isCommitted: boolean): void {
    const state = this.#ports.reader.stateOf(owner);
    if (state === undefined) return;
    owner.state = state;
    owner.begin(state.position, isCommitted);
  }

  /** Whether the partition was given up while its place was looked up: then it is not to be read. */
  #isStray(owner: OwnedPartition, phase: OwnedPartition["phase"]): boolean {
    if (owner.phase === phase) return false;
    const { reader } = this.#ports;
    if (reader.has(owner)) reader.unassign([owner]);
    return true;
  }

  async #inLine<T>({ topic }: OwnedPartition, work: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(topic) ?? { queue: new SerialQueue(), users: 0 };
    this.#lines.set(topic, line);
    line.users++;
    try {
      return await line.queue.run(work);
    } finally {
      line.users--;
      if (line.users === 0) this.#lines.delete(topic);
    }
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
