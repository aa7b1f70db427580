import type { ConsumedRecord } from "../../src/index.ts";
import type { Flight } from "./flights.ts";

/** What is known of the flights from one airport. */
export interface AirportDelays {
  flights: number;
  /** Minutes; early departures count as negative. */
  delayMinutes: number;
}

/** A model as it is stored: what was added up, and where to go on. One record holds both, so they cannot disagree. */
export interface StoredDelays {
  readonly nextOffset: number;
  readonly airports: Readonly<Record<string, AirportDelays>>;
}

/** Delay per airport: the read model of one partition. All flights from an airport are in one. */
export class Delays {
  readonly #airports: Map<string, AirportDelays>;
  /** Offset of the next flight to add. */
  nextOffset: number;

  constructor(stored: StoredDelays = { nextOffset: 0, airports: {} }) {
    this.nextOffset = stored.nextOffset;
    this.#airports = new Map(Object.entries(stored.airports).map(([name, delays]) => [name, { ...delays }]));
  }

  /** Adds a flight. One that was added before changes nothing: delivery is at least once. */
  add(record: ConsumedRecord): void {
    if (record.offset < this.nextOffset) return;
    const { origin, delay } = JSON.parse(String(record.value)) as Flight;
    const airport = this.#airports.get(origin) ?? { flights: 0, delayMinutes: 0 };
    airport.flights++;
    airport.delayMinutes += delay;
    this.#airports.set(origin, airport);
    this.nextOffset = record.offset + 1;
  }

  /** In order of airports: equal text for equal models. */
  toJSON(): StoredDelays {
    const airports = Object.fromEntries([...this.#airports].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { nextOffset: this.nextOffset, airports };
  }
}
