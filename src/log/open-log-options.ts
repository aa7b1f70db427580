import type { DurabilityPort } from "./group-commit.ts";
import type { LogConfig, LogEnvironment } from "./types.ts";

/** What must be known to open a partition's log. */
export interface OpenLogOptions {
  readonly env: LogEnvironment;
  /** `<topic>-<partition>`. */
  readonly name: string;
  /** Must exist. */
  readonly folder: string;
  readonly config: LogConfig;
  /** The term under which this broker leads the partition; above every earlier one. */
  readonly leaderEpoch: number;
  /** The last stop was clean. */
  readonly isClean: boolean;
  /** From the checkpoint; 0 if nothing is known. */
  readonly recoveryPoint: number;
  /** From the checkpoint; undefined if that was lost. */
  readonly logStartOffset: number | undefined;
  /** Everything below was cleaned, from the checkpoint; default 0, which cleans it again. */
  readonly firstDirtyOffset?: number;
  /** Makes the log start offset durable before segments below it go. */
  readonly persistLogStart: () => Promise<void>;
  readonly durability?: DurabilityPort;
}
