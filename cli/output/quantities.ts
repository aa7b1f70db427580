/** Numbers for people. Programs get them plain, in JSON. */

/** A whole number with separators: 1,234,567. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** A count with its noun: "1 record", "20,000 records". */
export function formatCounted(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** Bytes in powers of 1,000 with three digits: "512 B", "1.23 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${BYTE_UNITS[unit]}`;
}

/** Milliseconds in the unit that suits them: "0.42 ms", "1.5 s", "3 min 20 s". */
export function formatDuration(durationMs: number): string {
  if (durationMs < 999.5) return `${threeDigits(durationMs)} ms`;
  const seconds = durationMs / 1_000;
  if (seconds < 59.95) return `${threeDigits(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}

/** How many per second, or 0 if no time passed. */
export function perSecond(amount: number, durationMs: number): number {
  return durationMs > 0 ? (amount * 1_000) / durationMs : 0;
}

function threeDigits(value: number): string {
  if (value === 0) return "0";
  const decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return value.toFixed(decimals).replace(/\.?0+$/, (zeros) => (zeros.startsWith(".") ? "" : zeros));
}
