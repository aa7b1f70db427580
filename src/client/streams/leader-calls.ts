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

/**
 * Calls the leader of a stream's partition, again and again while that may help: the call must be one that does no harm
 * when it is made twice. Throws the last failure once the client's `timeoutMs` are over, and at once what no retry mends.
 */
export async function callLeader<Answer>(
  cluster: Cluster,
  { topic, stream }: StreamTarget,
  call: (leader: BrokerConnection, remainingMs: number) => Promise<Answer>,
): Promise<Answer> {
  const deadline = cluster.clock.monotonicMs() + cluster.timeoutMs;
  const backoff = new Backoff(cluster.random);
  for (;;) {
    let failure: MillraceError;
    try {
      const metadata = await cluster.metadata.get(topic);
      const leader = cluster.leader(metadata, partitionForKey(stream, metadata.leaders.length));
      return await call(leader, Math.max(1, deadline - cluster.clock.monotonicMs()));
    } catch (thrown) {
      failure = MillraceError.from(thrown);
    }
    const isMissing = failure.reason === "TOPIC_NOT_FOUND" || failure.reason === "PARTITION_NOT_FOUND";
    const mayHelp = failure.retry === "same" || (failure.retry === "refresh" && !isMissing);
    const waitMs = backoff.next(failure);
    if (!mayHelp || cluster.clock.monotonicMs() + waitMs >= deadline) throw failure;
    cluster.metadata.age(topic);
    await pause(cluster.clock, waitMs);
  }
}
