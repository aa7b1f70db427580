/** Something that `log verify` found. */
export interface Finding {
  /** "damage" is wrong; "notice" is worth knowing, and the broker mends it by itself. */
  readonly severity: "damage" | "notice";
  readonly file: string;
  /** Byte in the file; undefined if the whole file is meant. */
  readonly position?: number;
  /** For programs: a stable name such as "bad-crc". */
  readonly fault: string;
  /** For people: what was found and what belongs there. */
  readonly problem: string;
}

/** Takes findings as they come. */
export type Findings = (finding: Finding) => void;
