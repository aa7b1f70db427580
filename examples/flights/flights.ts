/** Real flights, from the flights-20k.json of vega-datasets. */
import { readFile } from "node:fs/promises";

/** Where the flights are produced to, keyed by origin airport. */
export const TOPIC = "flights";

/** A row of flights-20k.json. */
export interface Flight {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** All 20,000 of them, in the order of the file. */
export async function readFlights(): Promise<Flight[]> {
  const path = new URL("../../../node_modules/vega-datasets/data/flights-20k.json", import.meta.url);
  return JSON.parse(await readFile(path, "utf8")) as Flight[];
}

/** Scheduled departure as UTC milliseconds; the records bear it as their timestamp. */
export function departureMs(flight: Flight): number {
  return Date.parse(`${flight.date.replaceAll("/", "-").replace(" ", "T")}:00Z`);
}
