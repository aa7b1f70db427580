import type { Clock, Timer } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";

/** Something that waits its turn. */
export interface Waiting {
  /** When it gives up, on the monotonic clock; not before those that came earlier. */
  readonly expiresMs: number;
  /** Tries to go on; false if there is still no room. Does not throw. */
  admit(): boolean;
  /** It waited in vain. */
  fail(error: MillraceError): void;
}

/** What a line asks and tells. */
export interface LineEvents {
  /** The error of those that waited too long. */
  expired(): MillraceError;
  /** Nobody waits any more. */
  emptied(): void;
}

/** Those that wait for room or metadata, first come, first served. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #events: LineEvents;
  #line: Waiting[] = [];
  #timer: Timer | undefined;
  #isAdvancing = false;

  constructor(clock: Clock, events: LineEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#line.length === 0;
  }

  join(waiting: Waiting): void {
    this.#line.push(waiting);
    if (this.#timer === undefined) this.#watch();
  }

  /** Lets go on who can, in order, up to the first who cannot. */
  advance(): void {
    if (this.#isAdvancing) return; // somebody who goes on may free room for the next: the loop below sees it
    this.#isAdvancing = true;
    let admitted = 0;
    while (admitted < this.#line.length && this.#line[admitted]!.admit()) admitted++;
    this.#isAdvancing = false;
    this.#leave(admitted);
  }

  /** Fails all. */
  fail(error: MillraceError): void {
    const line = this.#line;
    this.#leave(line.length);
    for (const waiting of line) waiting.fail(error);
  }

  #leave(count: number): void {
    if (count > 0) this.#line = this.#line.slice(count);
    if (count === 0 || this.#line.length > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#events.emptied();
  }

  #watch(): void {
    const delayMs = Math.max(0, Math.ceil(this.#line[0]!.expiresMs - this.#clock.monotonicMs()));
    this.#timer = this.#clock.schedule(delayMs, () => this.#expire(), "keep-alive");
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonicMs();
    const line = this.#line;
    let expired = 0;
    while (expired < line.length && line[expired]!.expiresMs <= now) expired++;
    this.#leave(expired);
    for (let index = 0; index < expired; index++) line[index]!.fail(this.#events.expired());
    this.advance();
    if (this.#line.length > 0 && this.#timer === undefined) this.#watch();
  }
}
