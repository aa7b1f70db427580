import { MillraceError } from "../../errors/index.ts";
import { partitionForKey } from "../../record/index.ts";
import { Backoff, pause } from "../backoff.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { BrokerConnection } from "../transport/broker-connection.ts";

/** A stream of a topic. */
export interface StreamTarget {
  readonly topic: string;
  readonly stream: Uint8Array;
}

/** One try of a call. */
export interface LeaderTry {
  readonly leader: BrokerConnection;
  /** Id of the topic as it is known. */
  readonly topicId: string;
  /** What is left of the client's `timeoutMs`. */
  readonly remainingMs: number;
}

/**
 * Calls the leader of a stream's partition, again and again while that may help: the call must be one that does no harm
 * when it is made twice. Throws the last failure once the client's `timeoutMs` are over, and at once what no retry mends.
 */
export async function callLeader<Answer>(
  cluster: Cluster,
  { topic, stream }: StreamTarget,
  call: (each: LeaderTry) => Promise<Answer>,
): Promise<Answer> {
  const deadline = cluster.clock.monotonicMs() + cluster.timeoutMs;
  const backoff = new Backoff(cluster.random);
  let mayHaveHappened = false;
  for (;;) {
    let failure: MillraceError;
    try {
      const metadata = await cluster.metadata.get(topic);
      const leader = cluster.leader(metadata, partitionForKey(stream, metadata.leaders.length));
      const remainingMs = Math.max(1, deadline - cluster.clock.monotonicMs());
      return await call({ leader, topicId: metadata.topicId, remainingMs });
    } catch (thrown) {
      failure = MillraceError.from(thrown);
    }
    const waitMs = backoff.next(failure);
    if (!mayPass(failure) || cluster.clock.monotonicMs() + waitMs >= deadline) {
      throw mayHaveHappened ? uncertain(failure) : failure;
    }
    mayHaveHappened ||= failure.effect === "unknown";
    cluster.metadata.age(topic);
    await pause(cluster.clock, waitMs);
  }
}

/** Whether the same call may succeed later. A topic that is missing does not come by itself. */
export function mayPass({ reason, retry }: MillraceError): boolean {
  if (retry === "refresh") return reason !== "TOPIC_NOT_FOUND" && reason !== "PARTITION_NOT_FOUND";
  return retry === "same";
}

/**
 * The last failure of a call that an earlier try may have done: what the last one did not do does not tell. Where the
 * stream is looked at, it does: an append that was done before is found by its idempotency key.
 */
function uncertain(failure: MillraceError): MillraceError {
  const { reason, message, details, effect } = failure;
  if (effect === "unknown" || reason === "WRONG_REVISION") return failure;
  return new MillraceError(reason, message, { details, cause: failure, effect: "unknown" });
}
