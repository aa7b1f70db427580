import { systemClock } from "../../src/base/index.ts";

/** How long a piece of work took, and how long this process was busy with it on all its threads. */
export interface BusyTime {
  readonly tookMs: number;
  readonly cpuMs: number;
}

/** Starts to measure; the function returned tells the time since then. */
export function startTiming(): () => BusyTime {
  const startMs = systemClock.monotonicMs();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return { tookMs: systemClock.monotonicMs() - startMs, cpuMs: (user + system) / 1_000 };
  };
}
