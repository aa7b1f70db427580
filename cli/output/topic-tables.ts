/** Topics as people read them. */
import type {
  PartitionDescription,
  TopicConfigEntry,
  TopicDescription,
  TopicSummary,
} from "../../src/index.ts";
import { colorsFor } from "./colors.ts";
import { formatBytes, formatCount, formatCounted } from "./quantities.ts";
import { type Column, renderTable } from "./table.ts";

type Stream = { readonly hasColors: boolean };

const TOPIC_COLUMNS: readonly Column<TopicSummary>[] = [
  { title: "NAME", value: ({ name }) => name },
  { title: "PARTITIONS", align: "right", value: ({ partitionCount }) => formatCount(partitionCount) },
  { title: "SIZE", align: "right", value: ({ bytes }) => formatBytes(bytes) },
  { title: "ID", value: ({ topicId }) => topicId, color: (_row, { dim }) => dim },
];

const PARTITION_COLUMNS: readonly Column<PartitionDescription>[] = [
  { title: "PARTITION", align: "right", value: ({ partition }) => String(partition) },
  { title: "LEADER", align: "right", value: ({ leader }) => String(leader) },
  { title: "ENDPOINT", value: ({ endpoint }) => endpoint },
  { title: "EPOCH", align: "right", value: ({ leaderEpoch }) => String(leaderEpoch) },
  { title: "START", align: "right", value: (row) => ifOpen(row, formatCount(row.logStartOffset)) },
  { title: "HIGH WATERMARK", align: "right", value: (row) => ifOpen(row, formatCount(row.highWatermark)) },
  { title: "END", align: "right", value: (row) => ifOpen(row, formatCount(row.logEndOffset)) },
  { title: "SIZE", align: "right", value: (row) => ifOpen(row, formatBytes(row.bytes)) },
  {
    title: "STATE",
    value: ({ offlineReason }) => (offlineReason === undefined ? "online" : `offline: ${offlineReason}`),
    color: ({ offlineReason }, { green, red }) => (offlineReason === undefined ? green : red),
  },
];

/** Of a partition that could not be opened nothing is known: zeros would say that it is empty. */
function ifOpen({ offlineReason, logEndOffset }: PartitionDescription, text: string): string {
  return offlineReason !== undefined && logEndOffset === 0 ? "-" : text;
}

const CONFIG_COLUMNS: readonly Column<TopicConfigEntry>[] = [
  { title: "CONFIG", value: ({ name }) => name },
  { title: "VALUE", value: ({ value }) => value },
  {
    title: "FROM",
    value: ({ isSet }) => (isSet ? "topic" : "default"),
    color: ({ isSet }, { bold, dim }) => (isSet ? bold : dim),
  },
];

/** The table of `topic list`. */
export function topicListText(topics: readonly TopicSummary[], stream: Stream): string {
  return renderTable(TOPIC_COLUMNS, topics, stream);
}

/** What `topic describe` says of one topic. */
export function topicText(topic: TopicDescription, stream: Stream): string {
  const { bold, dim } = colorsFor(stream);
  const bytes = topic.partitions.reduce((sum, partition) => sum + partition.bytes, 0);
  const facts = `${formatCounted(topic.partitions.length, "partition")}, ${formatBytes(bytes)}`;
  const title = `${bold(topic.name)}  ${facts}  ${dim(`id ${topic.topicId}`)}\n`;
  return [
    title,
    renderTable(PARTITION_COLUMNS, topic.partitions, stream),
    configsText(topic.configs, stream),
  ].join("\n");
}

/** The configs of a topic. */
export function configsText(configs: readonly TopicConfigEntry[], stream: Stream): string {
  return renderTable(CONFIG_COLUMNS, configs, stream);
}
