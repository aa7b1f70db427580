import { COMMITTED_OFFSETS_MAX } from "../../base/index.ts";
import { millrace } from "../../gen/millrace.js";
import type { TopicPartition } from "../api/places.ts";
import type {
  CommitOutcome,
  DeleteOffsetsOptions,
  DescribeGroupOptions,
  GroupAdmin,
  GroupDescription,
  GroupSummary,
  OffsetToCommit,
  PartitionCommit,
  SeekGroupOptions,
  SeekTarget,
  SoughtPartition,
} from "../api/group-admin.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { requireKnown } from "../option-checks.ts";
import { type Callable, groupService } from "../transport/services.ts";
import {
  commitOutcome,
  describedGroup,
  partitionCommit,
  soughtPartition,
  summarizedGroup,
} from "./group-descriptions.ts";

type Place = Pick<
  millrace.v1.SeekGroupRequest.$Properties,
  "position" | "offset" | "shift" | "timestampMs" | "otherGroup"
>;
/** What `to` may be. */
const PLACES = 'allowed are "start", "end", an offset, { timestampMs }, { shift } and { otherGroup }';
const { OFFSET_POSITION_EARLIEST, OFFSET_POSITION_LATEST } = millrace.v1.OffsetPosition;

/** Administration of groups by unary calls to their coordinators; see GroupAdmin. */
export class CoordinatedGroups implements GroupAdmin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async listGroups(): Promise<GroupSummary[]> {
    const groups: GroupSummary[] = [];
    let pageToken = "";
    do {
      const page = await this.#cluster.connections.callAny(
        groupService.listGroups,
        { pageToken },
        "repeatable",
      );
      for (const group of page.groups) groups.push(summarizedGroup(group));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return groups;
  }

  async describeGroup(group: string, options: DescribeGroupOptions = {}): Promise<GroupDescription> {
    requireKnown("describeGroup", options, { topic: true });
    const request = { group, topic: options.topic };
    return describedGroup(await this.#call(groupService.describeGroup, request));
  }

  async committedOffsets(group: string, partitions?: readonly TopicPartition[]): Promise<PartitionCommit[]> {
    if (partitions?.length === 0) return []; // to the broker, none means all
    const commits: PartitionCommit[] = [];
    for (const part of partsOf(partitions ?? [])) {
      const answer = await this.#call(groupService.fetchOffsets, { group, partitions: part });
      for (const commit of answer.offsets) commits.push(partitionCommit(commit));
    }
    return commits;
  }

  async commitOffsets(group: string, offsets: readonly OffsetToCommit[]): Promise<CommitOutcome[]> {
    const known = { topic: true, partition: true, offset: true, metadata: true, rewind: true } as const;
    for (const offset of offsets) requireKnown("an offset to commit", offset, known);
    const outcomes: CommitOutcome[] = [];
    if (offsets.length === 0) return outcomes;
    for (const part of partsOf(offsets)) {
      const { results } = await this.#call(groupService.commitOffsets, { group, offsets: part });
      for (const result of results) outcomes.push(commitOutcome(result));
    }
    return outcomes;
  }

  async seekGroup(options: SeekGroupOptions): Promise<SoughtPartition[]> {
    const known = { group: true, topic: true, partitions: true, to: true, dryRun: true } as const;
    requireKnown("seekGroup", options, known);
    const { group, topic, partitions = [], to, dryRun } = options;
    if (topic === undefined && partitions.length > 0) {
      throw new TypeError("partitions of no topic are named: name the topic too");
    }
    if (options.partitions?.length === 0) return []; // to the broker, none means all
    const request = { group, topic, partitions: [...partitions], dryRun, ...targetOf(to) };
    const answer = await this.#call(groupService.seekGroup, request);
    return answer.partitions.map(soughtPartition);
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#call(groupService.deleteGroup, { group });
  }

  async deleteOffsets(options: DeleteOffsetsOptions): Promise<number> {
    requireKnown("deleteOffsets", options, { group: true, topic: true, partitions: true });
    const { group, topic, partitions } = options;
    if (partitions?.length === 0) return 0; // to the broker, none means all
    const request = { group, topic, partitions: [...(partitions ?? [])] };
    const { deleted } = await this.#call(groupService.deleteOffsets, request);
    return deleted;
  }

  async #call<Request extends { readonly group: string }, Response>(
    method: Callable<Request, Response>,
    request: Request,
  ): Promise<Response> {
    return (await this.#cluster.coordinator(request.group)).call(method, request);
  }
}

/** What fits one request each; a single empty part for nothing. */
function* partsOf<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let from = 0; from === 0 || from < items.length; from += COMMITTED_OFFSETS_MAX) {
    yield items.slice(from, from + COMMITTED_OFFSETS_MAX);
  }
}

function targetOf(to: SeekTarget): Place {
  if (to === "start") return { position: OFFSET_POSITION_EARLIEST };
  if (to === "end") return { position: OFFSET_POSITION_LATEST };
  if (typeof to === "number") return { offset: to };
  if ("timestampMs" in to) return { timestampMs: to.timestampMs };
  if ("shift" in to) return { shift: to.shift };
  if ("otherGroup" in to) return { otherGroup: to.otherGroup };
  throw new TypeError(`${JSON.stringify(to)} is no place to seek to: ${PLACES}`);
}
