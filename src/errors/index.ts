export * from "./millrace-error.ts";
export * from "./registry.ts";
export * from "./start-error.ts";
