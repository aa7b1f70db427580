/** Values by topic and partition. */
export class PartitionMap<T> {
  readonly #topics = new Map<string, Map<number, T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: string, partition: number): T | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  has(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.has(partition) === true;
  }

  set(topic: string, partition: number, value: T): void {
    const partitions = this.#topics.get(topic) ?? new Map<number, T>();
    if (partitions.size === 0) this.#topics.set(topic, partitions);
    if (!partitions.has(partition)) this.#size++;
    partitions.set(partition, value);
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (partitions?.delete(partition) !== true) return;
    this.#size--;
    if (partitions.size === 0) this.#topics.delete(topic);
  }

  clear(): void {
    this.#topics.clear();
    this.#size = 0;
  }

  /** In no order. */
  topics(): IterableIterator<string> {
    return this.#topics.keys();
  }

  /** In no order. */
  *entries(): Generator<[topic: string, partition: number, value: T]> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, value] of partitions) yield [topic, partition, value];
    }
  }

  /** By topic and partition. */
  *inOrder(): Generator<[topic: string, partition: number, value: T]> {
    for (const topic of [...this.#topics.keys()].sort()) {
      const partitions = this.#topics.get(topic);
      for (const partition of [...(partitions?.keys() ?? [])].sort((a, b) => a - b)) {
        const value = partitions?.get(partition);
        if (value !== undefined) yield [topic, partition, value];
      }
    }
  }
}
