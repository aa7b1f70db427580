export { GroupCoordinator, type GroupCoordinatorParts } from "./group-coordinator.ts";
export * from "./ports.ts";
export * from "./types.ts";
