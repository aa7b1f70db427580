export type { AppendCondition, AppendGuard, Placing } from "./append-guard.ts";
export { findBatch, type FoundBatch } from "./batch-search.ts";
export { parseCount, readCheckpoint, writeCheckpoint } from "./checkpoint-file.ts";
export type { CleaningReport } from "./compaction/log-cleaner.ts";
export { OffsetMap } from "./compaction/offset-map.ts";
export { FilePool } from "./file-pool.ts";
export type { DurabilityPort } from "./group-commit.ts";
export { type Evictable, LruBudget } from "./lru-budget.ts";
export { EPOCHS_FILE_NAME, type LeaderTerm, parseTerms } from "./leader-epochs.ts";
export type { LogListener } from "./log-state.ts";
export type { OpenLogOptions } from "./open-log-options.ts";
export { PartitionLog } from "./partition-log.ts";
export { readPartitionMetadata, writePartitionMetadata } from "./partition-metadata.ts";
export {
  baseOffsetOfLogName,
  DELETED_SUFFIX,
  LOG_SUFFIX,
  OFFSET_INDEX_SUFFIX,
  segmentStem,
  SWAP_SUFFIX,
  TIME_INDEX_SUFFIX,
} from "./segment-names.ts";
export { type BatchVisitor, type ScanStop, scanBatches } from "./segment-scan.ts";
export { OffsetIndex, TimeIndex } from "./sparse-index.ts";
export { ReadBuffers } from "./read-buffers.ts";
export { TailCache } from "./tail-cache.ts";
export type { AppendResult, Durability, LogConfig, LogEnvironment, ReadResult } from "./types.ts";
export { passingRefusal } from "./disk-failures.ts";
