import type { Clock } from "../base/index.ts";
import { networkOf } from "./address-network.ts";

/** Bounds for the connections of one address. */
export interface AddressLimits {
  /** Most connections at the same time. */
  readonly open: number;
  /** New connections per second, in the long run. */
  readonly perSecond: number;
  /** New connections at once, after a pause. */
  readonly burst: number;
}

interface Address {
  open: number;
  /** New connections that may come at once, as of `atMs`. */
  tokens: number;
  atMs: number;
}

/** Addresses remembered; beyond, those without a connection and with a full bucket are forgotten. */
const ADDRESSES_MAX = 4_096;

/**
 * Bounds connections and new connections per address: one client that opens connections in a loop (or resets streams
 * and reconnects) must not take the broker from the others. Of IPv6 the whole /64 counts as one address.
 */
export class ConnectionGuard {
  readonly #clock: Clock;
  readonly #limits: (address: string) => AddressLimits;
  readonly #addresses = new Map<string, Address>();

  constructor(clock: Clock, limits: (address: string) => AddressLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Addresses remembered. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** Whether a new connection from the address may stay; if so, `release` must follow its end. */
  admit(address: string): boolean {
    const network = networkOf(address);
    const limits = this.#limits(network);
    const known = this.#addresses.get(network);
    const state = known ?? { open: 0, tokens: limits.burst, atMs: this.#clock.monotonicMs() };
    if (known === undefined) {
      if (this.#addresses.size >= ADDRESSES_MAX) this.#forgetIdle();
      this.#addresses.set(network, state);
    }
    this.#refill(state, limits);
    if (state.tokens < 1 || state.open >= limits.open) return false;
    state.tokens--;
    state.open++;
    return true;
  }

  /** An admitted connection is gone. */
  release(address: string): void {
    const state = this.#addresses.get(networkOf(address));
    if (state !== undefined) state.open--;
  }

  #refill(state: Address, { perSecond, burst }: AddressLimits): void {
    const nowMs = this.#clock.monotonicMs();
    state.tokens = Math.min(burst, state.tokens + ((nowMs - state.atMs) / 1_000) * perSecond);
    state.atMs = nowMs;
  }

  #forgetIdle(): void {
    for (const [address, state] of this.#addresses) {
      const limits = this.#limits(address);
      this.#refill(state, limits);
      if (state.open === 0 && state.tokens >= limits.burst) this.#addresses.delete(address);
    }
  }
}
