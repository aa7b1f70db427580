import type { PartitionReader } from "../reader/partition-reader.ts";
import type { AheadCommits } from "./ahead-commits.ts";
import type { Committer } from "./committer.ts";
import type { ConsumerSettings, RunSettings } from "./consumer-settings.ts";
import type { Handout } from "./handout.ts";
import { giveBack, type OwnedBatch } from "./open-batch.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import { type HandlerTask, PartitionFeed } from "./partition-feed.ts";
import { WorkerPool } from "./worker-pool.ts";

/** What a run needs. */
export interface RunPorts {
  readonly handout: Handout;
  readonly reader: PartitionReader;
  readonly ahead: AheadCommits;
  readonly committer: Committer;
  readonly owned: ReadonlyMap<string, OwnedPartition>;
}

/**
 * One `run`: takes batches from the reader, gives their records to the pool as far as they may be in flight, and takes
 * note of what is done.
 *
 *     Handout ── batch ──► PartitionFeed ── record ──► WorkerPool ── handler ──► OffsetTracker
 *                          waits while its partition has its share in flight; beyond prefetchBytes of that
 *                          the partition is not read for a while, so that the others are
 */
export class HandlerRun {
  readonly #settings: RunSettings;
  readonly #consumer: ConsumerSettings;
  readonly #ports: RunPorts;
  readonly #pool: WorkerPool<HandlerTask>;
  readonly #feeds = new Map<OwnedPartition, PartitionFeed>();
  #unfinished = 0;
  #failure: { readonly thrown: unknown } | undefined;
  #state: "pouring" | "taking" | "waiting" = "pouring";
  #wake = () => {};

  constructor(settings: RunSettings, consumer: ConsumerSettings, ports: RunPorts) {
    this.#settings = settings;
    this.#consumer = consumer;
    this.#ports = ports;
    this.#pool = new WorkerPool<HandlerTask>({
      concurrency: settings.concurrency,
      laneOf: LANES[settings.order],
      work: (task) => this.#work(task),
    });
  }

  /** See GroupConsumer. */
  async run(): Promise<void> {
    const { handout, committer, owned } = this.#ports;
    handout.enter(this, () => this.#woken());
    handout.settle(this);
    try {
      while (this.#failure === undefined && !handout.isOver(this)) await this.#step();
    } catch (thrown) {
      this.#failure ??= { thrown };
    }
    if (!this.#consumer.isAtMostOnce) this.#pool.drop();
    await this.#pool.idle();
    this.#giveBack();
    committer.commitDone(owned.values());
    await committer.settled([...owned.values()]);
    handout.leave(this);
    if (this.#failure !== undefined) throw this.#failure.thrown;
  }

  /**
   * At the end nothing more is begun, to be read again; but what was committed before it was handed out comes from
   * nowhere again and is worked on to its end.
   */
  #woken(): void {
    if (!this.#consumer.isAtMostOnce && this.#ports.handout.isOver(this)) this.#pool.drop();
    this.#wake();
  }

  async #step(): Promise<void> {
    const ready = this.#readyFeed();
    if (ready !== undefined) {
      await this.#pour(ready);
    } else if (this.#isFull()) {
      this.#state = "waiting";
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    } else {
      this.#state = "taking";
      const taken = await this.#ports.handout.take(this);
      if (taken !== undefined) this.#add(taken);
    }
    this.#state = "pouring";
  }

  /** Batches beyond the bound are given back, and their partition is left alone until what waits of it is worked on. */
  #add(taken: OwnedBatch): void {
    const { owner } = taken;
    const feed = this.#feedOf(owner);
    let waiting = taken.batch.bytes;
    for (const other of this.#feeds.values()) waiting += other.bytes;
    if (feed.hasBatches && waiting > this.#consumer.reading.prefetchBytes) {
      if (owner.state !== undefined) owner.state.position = taken.batch.firstOffset;
      owner.isHeld = true;
      this.#ports.reader.pause([owner]);
    } else feed.add(taken);
  }

  /** Gives records to the pool, as many as may be in flight. */
  async #pour(feed: PartitionFeed): Promise<void> {
    const { ahead, handout } = this.#ports;
    for (;;) {
      const open = feed.current();
      if (open === undefined) break;
      if (!this.#mayPour(feed) || this.#failure !== undefined || handout.isOver(this)) return;
      if (ahead.isDue(open)) {
        await ahead.allowNext(open);
        continue;
      }
      const record = open.next();
      feed.unfinished++;
      this.#unfinished++;
      this.#pool.submit({ feed, tracker: open.source.tracker, record });
    }
    const { owner } = feed;
    if (owner.isHeld) this.#release(owner);
    if (!owner.isOurs && feed.unfinished === 0) this.#feeds.delete(owner);
  }

  #release(owner: OwnedPartition): void {
    owner.isHeld = false;
    const { reader } = this.#ports;
    if (owner.phase === "reading" && !owner.isPaused && reader.isAssigned(owner)) reader.resume([owner]);
  }

  #work(task: HandlerTask): void | Promise<void> {
    const { feed, record } = task;
    if (!feed.isCurrent(task)) {
      this.#ended(feed);
      return;
    }
    feed.owner.taken();
    let worked: void | Promise<void>;
    try {
      worked = this.#settings.handler(record, feed.context);
    } catch (thrown) {
      this.#failed(task, thrown);
      return;
    }
    if (!isPromise(worked)) {
      this.#done(task);
      return;
    }
    return Promise.resolve(worked).then(
      () => this.#done(task),
      (thrown: unknown) => this.#failed(task, thrown),
    );
  }

  #done({ feed, tracker, record }: HandlerTask): void {
    tracker.finished(record.offset);
    feed.owner.letGo();
    this.#ended(feed);
  }

  /** What handlers of a lost partition throw means nothing: they were told to stop. */
  #failed({ feed }: HandlerTask, thrown: unknown): void {
    if (feed.owner.isOurs && this.#failure === undefined) {
      this.#failure = { thrown };
      this.#pool.drop();
    }
    feed.owner.letGo();
    this.#ended(feed);
  }

  /** Lets the run look again if it waits for room and there is some worth the while. */
  #ended(feed: PartitionFeed): void {
    feed.unfinished--;
    this.#unfinished--;
    const isWorthIt = feed.unfinished <= this.#share >> 1;
    const isAwaited = this.#state === "waiting" || (this.#state === "taking" && feed.hasBatches);
    if ((isAwaited && isWorthIt) || this.#failure !== undefined) this.#ports.handout.wake();
  }

  /** A feed with records for the pool, or with leftovers to clear away. */
  #readyFeed(): PartitionFeed | undefined {
    for (const feed of this.#feeds.values()) {
      if (feed.hasBatches && (feed.isStale || this.#mayPour(feed))) return feed;
      if (!feed.owner.isOurs && feed.unfinished === 0 && !feed.hasBatches) this.#feeds.delete(feed.owner);
    }
    return undefined;
  }

  #mayPour(feed: PartitionFeed): boolean {
    return this.#unfinished < this.#settings.maxInFlight && feed.hasRoom(this.#share);
  }

  /** Whether nothing that could be taken now could be given to the pool. */
  #isFull(): boolean {
    if (this.#unfinished >= this.#settings.maxInFlight) return true;
    const readable = [...this.#ports.owned.values()].filter(isReadable);
    return readable.length > 0 && readable.every((owner) => !this.#hasRoom(owner));
  }

  #hasRoom(owner: OwnedPartition): boolean {
    return this.#feeds.get(owner)?.hasRoom(this.#share) ?? true;
  }

  /** Records of one partition that may be in flight: enough for all handlers, and no more than its part if there are many. */
  get #share(): number {
    const { concurrency, maxInFlight } = this.#settings;
    return Math.max(concurrency, Math.floor(maxInFlight / Math.max(1, this.#ports.owned.size)));
  }

  #feedOf(owner: OwnedPartition): PartitionFeed {
    let feed = this.#feeds.get(owner);
    if (feed === undefined) {
      feed = new PartitionFeed(owner);
      this.#feeds.set(owner, feed);
    }
    return feed;
  }

  /** What was read and not worked on is read again by who comes next. */
  #giveBack(): void {
    for (const feed of this.#feeds.values()) {
      const { owner } = feed;
      if (owner.phase !== "reading") continue;
      if (!this.#consumer.isAtMostOnce) owner.startOver();
      giveBack(this.#ports.reader, owner);
      while (feed.hasBatches) feed.forgetCurrent();
      if (owner.isHeld) this.#release(owner);
    }
  }
}

/** What is kept in order. Topic names hold no slash, so that the key's part is unmistakable. */
const LANES: Readonly<Record<RunSettings["order"], (task: HandlerTask) => string | undefined>> = {
  key: ({ feed, record }) =>
    record.key === null ? undefined : `${feed.owner.key}/${record.key.toString("latin1")}`,
  partition: ({ feed }) => feed.owner.key,
  none: () => undefined,
};

function isReadable({ phase, isPaused, isHeld }: OwnedPartition): boolean {
  return phase === "reading" && !isPaused && !isHeld;
}

function isPromise(worked: void | Promise<void>): worked is Promise<void> {
  return typeof (worked as Promise<void> | undefined)?.then === "function";
}
