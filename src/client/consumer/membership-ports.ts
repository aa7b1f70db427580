/** How to be a member of a group, and what a membership needs for that. */
import type { Clock, Random } from "../../base/index.ts";
import type { MillraceError } from "../../errors/index.ts";
import type { TopicPartition } from "../api/places.ts";
import type { MemberChange, MembershipStream, MembershipStreamListener } from "./membership-stream.ts";

/** How to be a member. */
export interface MembershipSettings {
  readonly group: string;
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly assignor: "uniform" | "range" | undefined;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly retryTimeoutMs: number;
}

/** What a member wants to read. */
export interface MemberSubscription {
  readonly topics: readonly string[];
  readonly topicPattern: string;
}

/** What a membership needs, and who hears of it. */
export interface MembershipPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Opens a stream to the broker that coordinates the group now. */
  open(listener: MembershipStreamListener): Promise<MembershipStream>;
  /** What the member wants to read now. */
  subscription(): MemberSubscription;
  /** Partitions that it has not given up. */
  owned(): readonly TopicPartition[];
  /** Those of them that it has paused. */
  paused(): readonly TopicPartition[];
  changed(change: MemberChange): void;
  /** The session is over, and all partitions with it; it joins anew by itself. */
  lost(why: MillraceError): void;
  /** The membership has ended for good, all partitions with it; `start` begins another. */
  failed(error: MillraceError): void;
  /** The stream broke and will be opened again. */
  retrying(error: MillraceError): void;
}
