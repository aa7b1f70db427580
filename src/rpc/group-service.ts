/** GroupService but for its streams: offsets and administration of groups. See proto/millrace/v1/group_service.proto. */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { COMMITTED_OFFSETS_MAX, OFFSET_MAX, PARTITIONS_PER_TOPIC_MAX } from "../base/index.ts";
import type {
  BrokerApi,
  CommitCommand,
  GroupSummary,
  SeekCommand,
  SeekTarget,
  SoughtPartition,
} from "../broker/index.ts";
import { millrace } from "../gen/millrace.js";
import { type CallEnvironment, unaryService } from "./calls.ts";
import { groupService } from "./definition.ts";
import { groupName, memberEpoch, memberId, offsetCommits, partitionNumbers, places } from "./group-checks.ts";
import {
  commitMessage,
  descriptionMessage,
  leastDescriptionBytes,
  resultMessages,
  summaryMessage,
} from "./group-messages.ts";
import { counted, invalid, offsetNumber, topicName, within, withDefault } from "./request-checks.ts";

const { v1 } = millrace;
/** Default and maximum of ListGroupsRequest.page_size. */
const PAGE_SIZE_MAX = 1_000;

type UnaryMethods = Omit<typeof groupService, "joinGroup" | "consume">;

/** The unary handlers of GroupService. */
export function groupServiceHandlers(
  environment: CallEnvironment,
  broker: BrokerApi,
): UntypedServiceImplementation {
  const { groups } = broker;
  return unaryService<UnaryMethods>(environment, groupService, {
    findCoordinator({ group }) {
      groupName(group);
      const { brokers, controller } = broker.describeCluster();
      const { brokerId, endpoint } = brokers.find((one) => one.brokerId === controller)!;
      return { brokerId, endpoint };
    },

    async commitOffsets(request, context) {
      const command = commitCommand(request);
      const results = await groups.commit(command);
      const placed = command.offsets.map((offset, index) => ({ ...offset, result: results[index]! }));
      const response = { results: resultMessages(placed) };
      const bytes = v1.CommitOffsetsResponse.encode(response).finish().length;
      context.sending(bytes, "commit fewer offsets in one call");
      return response;
    },

    fetchOffsets({ group, partitions }, context) {
      if (partitions.length > 0) counted(partitions, COMMITTED_OFFSETS_MAX, "partitions");
      const found = groups.committed(groupName(group), places(partitions, "partitions"));
      const response = { offsets: found.map(commitMessage) };
      const bytes = v1.FetchOffsetsResponse.encode(response).finish().length;
      context.sending(bytes, "name the partitions, and fewer in one call");
      return response;
    },

    listGroups({ pageSize, pageToken }, context) {
      const size = withDefault(pageSize, PAGE_SIZE_MAX, PAGE_SIZE_MAX, "page_size");
      const response = page(groups.list(), size, pageToken);
      context.sending(v1.ListGroupsResponse.encode(response).finish().length, "ask for a smaller page");
      return response;
    },

    describeGroup({ group, topic }, context) {
      const only = topic === "" ? undefined : topicName(topic);
      const description = groups.describe(groupName(group));
      const remedy =
        only === undefined
          ? "describe one topic at a time (`topic`)"
          : "ask for the committed offsets with FetchOffsets, some partitions at a time";
      context.fitting(leastDescriptionBytes(description, only), remedy);
      const response = descriptionMessage(description, only);
      context.sending(v1.DescribeGroupResponse.encode(response).finish().length, remedy);
      return response;
    },

    async seekGroup(request, context) {
      // An answer that fits no message must be refused before anything is done.
      const partitions = await groups.seek(seekCommand(request), (planned) => {
        const bytes = v1.SeekGroupResponse.encode(seekMessage(planned)).finish().length;
        context.sending(bytes, "seek one topic at a time (`topic`)");
      });
      return seekMessage(partitions);
    },

    async deleteGroup({ group }) {
      await groups.delete(groupName(group));
      return {};
    },

    async deleteOffsets({ group, topic, partitions }) {
      const numbers = partitionNumbers(partitions, PARTITIONS_PER_TOPIC_MAX, "partitions");
      return { deleted: await groups.deleteOffsets(groupName(group), topicName(topic), numbers) };
    },
  });
}

function commitCommand(request: millrace.v1.CommitOffsetsRequest): CommitCommand {
  const group = groupName(request.group);
  counted(request.offsets, COMMITTED_OFFSETS_MAX, "offsets");
  const offsets = offsetCommits(request.offsets, "offsets");
  const epoch = memberEpoch(request.memberEpoch, "member_epoch");
  if (request.memberId === "") {
    if (epoch !== 0) throw invalid("member_epoch", epoch, "0 without a member_id");
    return { group, member: undefined, offsets };
  }
  return {
    group,
    member: { memberId: memberId(request.memberId, "member_id"), memberEpoch: epoch },
    offsets,
  };
}

function seekCommand(request: millrace.v1.SeekGroupRequest): SeekCommand {
  const { topic, dryRun } = request;
  const partitions = partitionNumbers(request.partitions, PARTITIONS_PER_TOPIC_MAX, "partitions");
  if (topic === "" && partitions.length > 0) throw invalid("partitions", "given", "none without a topic");
  return {
    group: groupName(request.group),
    topic: topic === "" ? undefined : topicName(topic),
    partitions,
    to: seekTarget(request),
    dryRun,
  };
}

function seekMessage(sought: readonly SoughtPartition[]): millrace.v1.SeekGroupResponse.$Properties {
  const partitions = sought.map(({ topic, partition, before, after, clamped }) =>
    before === undefined
      ? { topic, partition, after, clamped }
      : { topic, partition, before, after, clamped },
  );
  return { partitions };
}

function seekTarget(request: millrace.v1.SeekGroupRequest): SeekTarget {
  const { OFFSET_POSITION_EARLIEST, OFFSET_POSITION_LATEST } = v1.OffsetPosition;
  switch (request.to) {
    case "position":
      if (request.position === OFFSET_POSITION_EARLIEST) return "start";
      if (request.position === OFFSET_POSITION_LATEST) return "end";
      throw invalid("position", request.position, "OFFSET_POSITION_EARLIEST (1) or _LATEST (2)");
    case "offset":
      return { offset: offsetNumber(request.offset ?? 0, "offset") };
    case "shift":
      return { shift: within(request.shift ?? 0, -OFFSET_MAX, OFFSET_MAX, "shift") };
    case "timestampMs":
      return { timestampMs: offsetNumber(request.timestampMs ?? 0, "timestamp_ms") };
    case "otherGroup":
      return { otherGroup: groupName(request.otherGroup, "other_group") };
    default:
      throw invalid("to", "absent", "position, offset, shift, timestamp_ms or other_group");
  }
}

/** A token is the last name of the page before, so that groups may come and go between two pages. */
function page(groups: readonly GroupSummary[], size: number, token: string) {
  const after = token === "" ? "" : groupName(token, "page_token");
  const start = groups.findIndex(({ group }) => group > after);
  const found = start < 0 ? [] : groups.slice(start, start + size);
  const more = start >= 0 && start + size < groups.length;
  return { groups: found.map(summaryMessage), nextPageToken: more ? found[found.length - 1]!.group : "" };
}
