import type { Clock, Logger } from "../../base/index.ts";
import type { StoredMember } from "../machine/group-changes.ts";
import type { SubscriptionMeter } from "../machine/subscriptions.ts";
import type { CommittedOffsets, OffsetsMeter } from "../offsets/committed-offsets.ts";
import type { TopicCatalogue } from "../ports.ts";
import type { GroupPart } from "../storage/group-record.ts";
import type { LogAppender } from "../storage/log-appender.ts";
import type { MembersMeter } from "./members-meter.ts";

/** What a group in service needs. */
export interface LiveGroupParts {
  readonly name: string;
  readonly appender: LogAppender;
  readonly catalogue: TopicCatalogue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where its committed offsets are counted. */
  readonly meter: OffsetsMeter;
  /** Where its members are counted, and there must be room for a new one. */
  readonly members: MembersMeter;
  /** Where what its members subscribe to is counted. */
  readonly subscriptions: SubscriptionMeter;
  /** No group that was deleted had a higher epoch: one of the same name goes on above it. */
  readonly epochs: { floor: number };
}

/** What was stored of a group. */
export interface RestoredGroup {
  /** Undefined if only offsets were ever committed. */
  readonly stored: { readonly part: GroupPart; readonly members: readonly StoredMember[] } | undefined;
  readonly offsets: CommittedOffsets;
}
