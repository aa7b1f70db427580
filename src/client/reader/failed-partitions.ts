import { partitionKey } from "./assigned-state.ts";

/** Failures of partitions that no iteration has thrown yet, in the order they came. At most one for each partition. */
export class FailedPartitions {
  readonly #failures = new Map<string, { readonly thrown: unknown }>();

  add(topic: string, partition: number, thrown: unknown): void {
    this.#failures.set(partitionKey(topic, partition), { thrown });
  }

  has(topic: string, partition: number): boolean {
    return this.#failures.has(partitionKey(topic, partition));
  }

  /** The partition is assigned anew, or given up: what was wrong with it before matters no more. */
  forget(topic: string, partition: number): void {
    this.#failures.delete(partitionKey(topic, partition));
  }

  clear(): void {
    this.#failures.clear();
  }

  /** Throws the oldest failure, once. */
  throwNext(): void {
    const [oldest] = this.#failures;
    if (oldest === undefined) return;
    const [key, { thrown }] = oldest;
    this.#failures.delete(key);
    throw thrown;
  }
}
