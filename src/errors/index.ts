export * from "./millrace-error.ts";
export * from "./registry.ts";
