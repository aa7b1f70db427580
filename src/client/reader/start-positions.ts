/** Turns what a program says about where to begin into partitions and offsets. */
import { MillraceError } from "../../errors/index.ts";
import { lookUpOffsets } from "../admin/offset-lookup.ts";
import type { OffsetQuery, StartPosition } from "../api/admin.ts";
import type { ReaderAssignment } from "../api/reader.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { leaderOf } from "../cluster/topic-metadata.ts";

/** A partition and the offset to begin at. */
export interface Start {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

interface Wanted {
  readonly topic: string;
  readonly partition: number;
  readonly from: StartPosition;
}

/** Looks up what is not an offset. Throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND and what the look-up throws. */
export async function startPositions(
  cluster: Cluster,
  assignments: readonly ReaderAssignment[],
): Promise<Start[]> {
  const wanted = (await Promise.all(assignments.map((assignment) => expand(cluster, assignment)))).flat();
  const offsets = new Map<Wanted, number>();
  const open: Wanted[] = [];
  for (const start of wanted) {
    if (typeof start.from === "number") offsets.set(start, requireOffset(start.from));
    else open.push(start);
  }
  const beyond = await lookUp(cluster, open, offsets);
  // A time later than every record: the next record will be later still.
  await lookUp(
    cluster,
    beyond.map((start) => ({ ...start, from: "end" as const })),
    offsets,
    beyond,
  );
  return wanted.map((start) => ({
    topic: start.topic,
    partition: start.partition,
    offset: offsets.get(start)!,
  }));
}

/** One entry for each partition meant. */
async function expand(cluster: Cluster, assignment: ReaderAssignment): Promise<Wanted[]> {
  const { topic, partition, from = "start" } = assignment;
  let metadata = await cluster.metadata.get(topic);
  if (partition === undefined) {
    metadata = await cluster.metadata.refresh(topic);
    return metadata.leaders.map((_, each) => ({ topic, partition: each, from }));
  }
  if (metadata.leaders[partition] === undefined) metadata = await cluster.metadata.refresh(topic);
  leaderOf(metadata, partition);
  return [{ topic, partition, from }];
}

/** Fills in the offsets found, under `keys`, and returns those for which there is none. */
async function lookUp(
  cluster: Cluster,
  starts: readonly Wanted[],
  offsets: Map<Wanted, number>,
  keys: readonly Wanted[] = starts,
): Promise<Wanted[]> {
  if (starts.length === 0) return [];
  const queries = starts.map(({ topic, partition, from }) => ({ topic, partition, at: from }) as OffsetQuery);
  const answers = await lookUpOffsets(cluster, queries);
  const without: Wanted[] = [];
  for (const [index, answer] of answers.entries()) {
    if (answer.error) throw answer.error;
    if (answer.offset === undefined) without.push(keys[index]!);
    else offsets.set(keys[index]!, answer.offset);
  }
  return without;
}

function requireOffset(offset: number): number {
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw new MillraceError("INVALID_REQUEST", `${offset} is not an offset: whole numbers from 0 are allowed`, {
    details: { field: "from", value: offset },
  });
}
