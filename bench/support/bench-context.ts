import type { Scale } from "./options.ts";

/** What a part of the bench is given. */
export interface BenchContext {
  readonly scale: Scale;
  /** An empty folder on the disk to measure, removed afterwards. */
  readonly folder: string;
  /** Whether a row of this name is wanted. */
  readonly wants: (name: string) => boolean;
  /** Folder for CPU profiles; undefined takes none. */
  readonly profileFolder: string | undefined;
  /** Options for Node in the processes that stand for programs of users. */
  readonly programOptions: readonly string[];
  /** Tells people what is going on. */
  readonly progress: (text: string) => void;
}
