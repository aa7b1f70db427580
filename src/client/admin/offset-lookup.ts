/** Looks up offsets at the leaders of their partitions, one call for each leader. */
import { MillraceError } from "../../errors/index.ts";
import { millrace } from "../../gen/millrace.js";
import { messageToError } from "../../wire/index.ts";
import type { OffsetAnswer, OffsetQuery } from "../api/admin.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { leaderOf } from "../cluster/topic-metadata.ts";
import { logService } from "../transport/services.ts";

const { OFFSET_POSITION_EARLIEST, OFFSET_POSITION_LATEST } = millrace.v1.OffsetPosition;

interface Asked {
  readonly query: OffsetQuery;
  /** Place of the query, and so of its answer. */
  readonly index: number;
}

/** The answers in the order of the queries. A partition that cannot be asked is answered with its error. */
export async function lookUpOffsets(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
): Promise<OffsetAnswer[]> {
  const answers = new Array<OffsetAnswer>(queries.length);
  const byLeader = new Map<string, Asked[]>();
  for (const [index, query] of queries.entries()) {
    try {
      const endpoint = leaderOf(await cluster.metadata.get(query.topic), query.partition);
      const asked = byLeader.get(endpoint);
      if (asked) asked.push({ query, index });
      else byLeader.set(endpoint, [{ query, index }]);
    } catch (thrown) {
      answers[index] = failed(query, MillraceError.from(thrown));
    }
  }
  await Promise.all([...byLeader].map(([endpoint, asked]) => ask(cluster, endpoint, asked, answers)));
  return answers;
}

async function ask(
  cluster: Cluster,
  endpoint: string,
  asked: readonly Asked[],
  answers: OffsetAnswer[],
): Promise<void> {
  try {
    const request = { queries: asked.map(({ query }) => toProto(query)) };
    const response = await cluster.connections.to(endpoint).call(logService.listOffsets, request);
    for (const [place, { query, index }] of asked.entries()) {
      const answer = response.answers[place] ?? {};
      const error = answer.error ? messageToError(answer.error) : undefined;
      if (error?.retry === "refresh") cluster.metadata.age(query.topic);
      const { topic, partition } = query;
      const offset = error ? undefined : (answer.offset ?? undefined);
      answers[index] = { topic, partition, offset, timestampMs: answer.timestampMs ?? undefined, error };
    }
  } catch (thrown) {
    const error = MillraceError.from(thrown);
    for (const { query, index } of asked) {
      cluster.metadata.age(query.topic);
      answers[index] = failed(query, error);
    }
  }
}

function toProto({ topic, partition, at }: OffsetQuery): millrace.v1.OffsetQuery.$Properties {
  if (typeof at === "object") return { topic, partition, timestampMs: at.timestampMs };
  return { topic, partition, position: at === "start" ? OFFSET_POSITION_EARLIEST : OFFSET_POSITION_LATEST };
}

function failed({ topic, partition }: OffsetQuery, error: MillraceError): OffsetAnswer {
  return { topic, partition, offset: undefined, timestampMs: undefined, error };
}
