export { Broker } from "./broker.ts";
export type { BrokerOptions } from "./broker-options.ts";
export * from "./consumption.ts";
export { TOPIC_CONFIGS, type TopicConfigName } from "./topic-config.ts";
export * from "./types.ts";
export type {
  AssignmentChange,
  AssignorName,
  CommitCommand,
  CommitResult,
  CommittedOffset,
  GroupDescription,
  GroupPartition,
  GroupsApi,
  GroupStateName,
  GroupSubscription,
  GroupSummary,
  JoinCommand,
  MemberDescription,
  MemberSession,
  MemberSink,
  OffsetCommit,
  PartitionCommit,
  PartitionProgress,
  SeekCommand,
  SeekTarget,
  SoughtPartition,
  TopicPartition,
} from "../group/index.ts";
export type {
  AppendedEvents,
  AppendEventsCommand,
  ReadStreamQuery,
  RevisionConflict,
  StreamEvent,
  StreamInfo,
} from "../stream/index.ts";
