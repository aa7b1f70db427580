/// <reference types="node" preserve="true" />
/** The package: a client of Millrace brokers. */
export * from "./client/index.ts";
export {
  type Effect,
  MillraceError,
  type Reason,
  type Retry,
  StartError,
  type StartFailure,
} from "./errors/index.ts";
export { type Compression, partitionForKey, type RecordHeader } from "./record/index.ts";
