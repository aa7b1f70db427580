/** Positions that may lie unused before the queue is made shorter. */
const UNUSED_MAX = 1_024;

/** First in, first out, without moving what is behind. What was taken is not held any more, however long the queue lives. */
export class Fifo<Item> {
  /** The places before `#head` are empty. */
  #items: (Item | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** The oldest, which stays. */
  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  /** Takes the oldest. */
  shift(): Item | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head >= UNUSED_MAX && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
