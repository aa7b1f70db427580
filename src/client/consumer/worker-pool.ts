import { Fifo } from "../fifo.ts";

/** What a pool works on. */
export interface PoolOptions<Task> {
  /** Tasks at one time. */
  readonly concurrency: number;
  /** Tasks of one lane are worked on one after another, in the order they came; those without lane in none. */
  readonly laneOf: (task: Task) => string | undefined;
  /** Works on a task. Must not fail: what may go wrong is its own matter. */
  readonly work: (task: Task) => void | Promise<void>;
}

interface Lane<Task> {
  readonly name: string | undefined;
  readonly tasks: Fifo<Task>;
}

/**
 * Works on tasks, so many at a time and in order within each lane. Lanes take turns, so that one with many tasks waits
 * for no other and no other for it. How many tasks may wait is the business of whoever submits them.
 */
export class WorkerPool<Task> {
  readonly #options: PoolOptions<Task>;
  /** Lanes with tasks that wait or are worked on. */
  readonly #lanes = new Map<string, Lane<Task>>();
  /** Lanes of which a task waits and none is worked on. */
  readonly #ready = new Fifo<Lane<Task>>();
  #working = 0;
  #waiting = 0;
  #isStarting = false;
  #onIdle: (() => void)[] = [];

  constructor(options: PoolOptions<Task>) {
    this.#options = options;
  }

  /** Tasks worked on now. */
  get working(): number {
    return this.#working;
  }

  /** Tasks that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  submit(task: Task): void {
    const name = this.#options.laneOf(task);
    const known = name === undefined ? undefined : this.#lanes.get(name);
    const lane: Lane<Task> = known ?? { name, tasks: new Fifo() };
    lane.tasks.push(task);
    this.#waiting++;
    if (known !== undefined) return;
    if (name !== undefined) this.#lanes.set(name, lane);
    this.#ready.push(lane);
    this.#start();
  }

  /** Forgets what waits; what is worked on goes on. */
  drop(): void {
    for (let lane = this.#ready.shift(); lane !== undefined; lane = this.#ready.shift()) {
      if (lane.name !== undefined) this.#lanes.delete(lane.name);
    }
    for (const lane of this.#lanes.values()) lane.tasks.clear(); // worked on: the lane stays until that is over
    this.#waiting = 0;
    this.#tellIdle();
  }

  /** Resolves once nothing waits or is worked on. */
  idle(): Promise<void> {
    if (this.#working + this.#waiting === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Begins as many tasks as may be; a loop, as a task may be over when its call returns. */
  #start(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#working < this.#options.concurrency) {
      const lane = this.#ready.shift();
      if (lane === undefined) break;
      this.#waiting--;
      this.#working++;
      const worked = this.#options.work(lane.tasks.shift()!);
      if (worked === undefined) this.#ended(lane);
      else void worked.then(() => this.#endedLater(lane));
    }
    this.#isStarting = false;
  }

  #endedLater(lane: Lane<Task>): void {
    this.#ended(lane);
    this.#start();
  }

  #ended(lane: Lane<Task>): void {
    this.#working--;
    if (lane.tasks.size > 0) this.#ready.push(lane);
    else if (lane.name !== undefined) this.#lanes.delete(lane.name);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#working + this.#waiting > 0) return;
    const idle = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of idle) resolve();
  }
}
