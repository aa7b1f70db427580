import type {
  Assignment,
  Delivered,
  FetchedPart,
  SubscriptionApi,
  SubscriptionSink,
} from "../../src/broker/types.ts";
import { MillraceError } from "../../src/errors/index.ts";

interface Position {
  readonly assignment: Assignment;
  offset: number;
  caughtUp: boolean;
}

/** Delivers while there is credit, one call of the sink at a time. */
export class FakeSubscription implements SubscriptionApi {
  /** Deliveries that the sink has taken. */
  delivered = 0;
  closed = false;
  readonly #positions = new Map<string, Position>();
  readonly #sink: SubscriptionSink;
  readonly #read: (assignment: Assignment, offset: number) => FetchedPart;
  readonly #listeners: Set<() => void>;
  readonly #onClose: () => void;
  readonly #wake = () => void this.#run();
  #records = 0;
  #bytes = 0;
  #running = false;

  constructor(
    sink: SubscriptionSink,
    read: (assignment: Assignment, offset: number) => FetchedPart,
    listeners: Set<() => void>,
    onClose: () => void,
  ) {
    this.#sink = sink;
    this.#read = read;
    this.#listeners = listeners;
    this.#onClose = onClose;
    listeners.add(this.#wake);
  }

  assign(assignment: Assignment, offset: number): void {
    const position = { assignment, offset, caughtUp: false };
    this.#positions.set(`${assignment.topic}/${assignment.partition}`, position);
    this.#wake();
  }

  unassign(topic: string, partition: number): void {
    this.#positions.delete(`${topic}/${partition}`);
  }

  addCredit(records: number, bytes: number): void {
    this.#records += records;
    this.#bytes += bytes;
    this.#wake();
  }

  close(): void {
    this.closed = true;
    this.#listeners.delete(this.#wake);
    this.#onClose();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    await Promise.resolve(); // the commands that came together count together
    for (let progress = true; progress; ) {
      progress = false;
      for (const [key, position] of this.#positions) {
        if (!this.closed && (await this.#step(key, position))) progress = true;
      }
    }
    this.#running = false;
  }

  async #step(key: string, position: Position): Promise<boolean> {
    const part = this.#read(position.assignment, position.offset);
    if (part instanceof MillraceError) {
      this.#positions.delete(key);
      await this.#sink.failed(position.assignment, part);
      return true;
    }
    if (part.bytes === 0) {
      if (position.caughtUp) return false;
      position.caughtUp = true;
      await this.#sink.caughtUp(position.assignment, part.highWatermark);
      return true;
    }
    if (this.#records <= 0 || this.#bytes <= 0) return false;
    let delivered: Delivered;
    try {
      await this.#sink.room.take(part.bytes);
      delivered = this.#sink.deliver(position.assignment, { ...part, offset: position.offset });
    } catch (error) {
      this.#sink.room.giveBack();
      this.#positions.delete(key);
      await this.#sink.failed(position.assignment, MillraceError.from(error));
      return true;
    }
    const { nextOffset, recordCount, bytes, ready } = delivered;
    this.#records -= recordCount;
    this.#bytes -= bytes;
    position.offset = nextOffset;
    position.caughtUp = false;
    await ready;
    this.delivered++;
    return true;
  }
}
