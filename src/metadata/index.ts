export * from "./level-metadata-store.ts";
export * from "./memory-metadata-store.ts";
export * from "./metadata-store.ts";
export * from "./store-damaged-error.ts";
export * from "./store-failed-error.ts";
export * from "./store-locked-error.ts";
export * from "./topic-conflict-error.ts";
