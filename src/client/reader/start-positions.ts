/** Turns what a program says about where to begin into partitions and offsets. */
import { MillraceError } from "../../errors/index.ts";
import { lookUpOffsets } from "../admin/offset-lookup.ts";
import type { OffsetQuery } from "../api/admin.ts";
import type { StartPosition } from "../api/places.ts";
import type { ReaderAssignment } from "../api/reader.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { leaderOf } from "../cluster/topic-metadata.ts";
import { requireKnown } from "../option-checks.ts";

/** A partition and the offset to begin at. */
export interface Start {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A partition that its broker cannot serve, and why. */
export interface Offline {
  readonly topic: string;
  readonly partition: number;
  readonly error: MillraceError;
}

/** Where to begin with what can be read. */
export interface StartPositions {
  readonly starts: readonly Start[];
  readonly offline: readonly Offline[];
}

interface Wanted {
  readonly topic: string;
  readonly partition: number;
  readonly from: StartPosition;
}

/**
 * Looks up what is not an offset. Throws TOPIC_NOT_FOUND, PARTITION_NOT_FOUND and what the look-up throws; that a
 * partition is offline is thrown only if no other can be read.
 */
export async function startPositions(
  cluster: Cluster,
  assignments: readonly ReaderAssignment[],
): Promise<StartPositions> {
  for (const assignment of assignments) {
    requireKnown("an assignment", assignment, { topic: true, partition: true, from: true });
  }
  const wanted = (await Promise.all(assignments.map((assignment) => expand(cluster, assignment)))).flat();
  const offsets = new Map<Wanted, number>();
  const open: Wanted[] = [];
  for (const start of wanted) {
    if (typeof start.from === "number") offsets.set(start, requireOffset(start.from));
    else open.push(start);
  }
  const offline: Offline[] = [];
  const beyond = await lookUp(cluster, open, { offsets, offline });
  // A time later than every record: the next record will be later still.
  await lookUp(
    cluster,
    beyond.map((start) => ({ ...start, from: "end" as const })),
    { offsets, offline },
    beyond,
  );
  const starts = wanted.flatMap((start): Start[] => {
    const offset = offsets.get(start);
    return offset === undefined ? [] : [{ topic: start.topic, partition: start.partition, offset }];
  });
  const [first] = offline;
  if (first !== undefined && starts.length === 0) throw first.error;
  return { starts, offline };
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

/** Fills in the offsets found, under `keys`, and what is offline; returns those for which there is no offset. */
async function lookUp(
  cluster: Cluster,
  starts: readonly Wanted[],
  found: { readonly offsets: Map<Wanted, number>; readonly offline: Offline[] },
  keys: readonly Wanted[] = starts,
): Promise<Wanted[]> {
  if (starts.length === 0) return [];
  const queries = starts.map(({ topic, partition, from }) => ({ topic, partition, at: from }) as OffsetQuery);
  const answers = await lookUpOffsets(cluster, queries);
  const without: Wanted[] = [];
  for (const [index, answer] of answers.entries()) {
    const { topic, partition, error } = answer;
    if (error && !isOffline(error)) throw error;
    if (error) found.offline.push({ topic, partition, error });
    else if (answer.offset === undefined) without.push(keys[index]!);
    else found.offsets.set(keys[index]!, answer.offset);
  }
  return without;
}

/** Of this partition alone, and not to pass by itself. */
function isOffline({ reason }: MillraceError): boolean {
  return reason === "LOG_CORRUPT" || reason === "STORAGE_OFFLINE";
}

function requireOffset(offset: number): number {
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw new MillraceError("INVALID_REQUEST", `${offset} is not an offset: whole numbers from 0 are allowed`, {
    details: { field: "from", value: offset },
  });
}
