/** What a member says of itself, as messages. */
import type { TopicPartition } from "../api/places.ts";
import type { MembershipSettings, MemberSubscription } from "./membership-ports.ts";
import type { MemberCommand } from "./membership-stream.ts";

/** Who joins, and what it has. */
export interface Joining {
  readonly memberId: string;
  /** 0 for one that has no session. */
  readonly memberEpoch: number;
  /** Partitions that it has not given up. */
  readonly owned: readonly TopicPartition[];
  readonly subscription: MemberSubscription;
}

/** The command that a stream begins with. */
export function joinCommand(settings: MembershipSettings, joining: Joining): MemberCommand {
  const { group, instanceId, clientId, assignor, sessionTimeoutMs, rebalanceTimeoutMs } = settings;
  const { memberId, memberEpoch, owned, subscription } = joining;
  return {
    join: {
      group,
      memberId,
      memberEpoch,
      owned: owned.map(placeMessage),
      instanceId: instanceId ?? "",
      clientId,
      subscription: subscriptionMessage(subscription),
      assignor: assignor ?? "",
      sessionTimeoutMs,
      rebalanceTimeoutMs,
    },
  };
}

/** What a member wants to read. */
export function subscriptionMessage({ topics, topicPattern }: MemberSubscription) {
  return { topics: [...topics], topicPattern };
}

/** A partition. */
export function placeMessage({ topic, partition }: TopicPartition) {
  return { topic, partition };
}
