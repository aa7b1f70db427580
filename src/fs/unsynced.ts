/** What a power loss does with a change that was made: surely there, or anybody's guess. */
export type Certainty = "durable" | "unsure";

/**
 * The changes of one file or folder since its last sync, in order. A failed sync loses them for good: the system
 * marks the pages clean, so that no later sync writes them, and yet they may have reached the disk.
 */
export class Unsynced<Change> {
  #changes: { readonly change: Change; state: "pending" | "lost" | "durable" }[] = [];
  #anyLost = false;

  add(change: Change): void {
    this.#changes.push({ change, state: "pending" });
  }

  /** A sync succeeded: calls back for each change that is now part of the durable state. */
  sync(makeDurable: (change: Change) => void): void {
    if (this.#anyLost) {
      // They lie between lost ones and must be replayed in order, over or under those that survive.
      for (const item of this.#changes) if (item.state === "pending") item.state = "durable";
      return;
    }
    for (const { change } of this.#changes) makeDurable(change);
    this.#changes = [];
  }

  /** A sync failed. */
  lose(): void {
    for (const item of this.#changes) if (item.state === "pending") item.state = "lost";
    this.#anyLost = this.#changes.length > 0;
  }

  /** Calls back for each change in order, to rebuild a state after power loss from the durable one. */
  replay(visit: (change: Change, certainty: Certainty) => void): void {
    for (const { change, state } of this.#changes) visit(change, state === "durable" ? "durable" : "unsure");
  }
}
