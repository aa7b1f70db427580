export { LevelIndexStore } from "./store/level-index-store.ts";
export type { IndexChange, IndexRange, IndexRow, IndexStore } from "./store/index-store.ts";
export { MemoryIndexStore } from "./store/memory-index-store.ts";
export { type OpenedPartition, StreamIndex, type StreamIndexOptions } from "./stream-index.ts";
export { Streams, type StreamTopics } from "./streams.ts";
export * from "./types.ts";
