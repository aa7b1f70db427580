/** Consumer groups as people read them. */
import type {
  GroupDescription,
  GroupMemberDescription,
  GroupPartition,
  GroupState,
  GroupSummary,
  SoughtPartition,
} from "../../src/index.ts";
import { type Colors, colorsFor } from "./colors.ts";
import type { GroupFinding } from "./group-findings.ts";
import { shortIdLength } from "./member-names.ts";
import { partitionsText } from "./partition-lists.ts";
import { formatCount, formatCounted, formatDuration } from "./quantities.ts";
import { type Column, printable, renderTable } from "./table.ts";

type Stream = { readonly hasColors: boolean };

const GROUP_COLUMNS: readonly Column<GroupSummary>[] = [
  { title: "NAME", value: ({ group }) => group },
  { title: "STATE", value: ({ state }) => state, color: ({ state }, colors) => stateColor(state, colors) },
  { title: "MEMBERS", align: "right", value: ({ memberCount }) => formatCount(memberCount) },
  { title: "EPOCH", align: "right", value: ({ groupEpoch }) => String(groupEpoch) },
  { title: "ASSIGNOR", value: ({ assignor }) => assignor },
];

function stateColor(state: GroupState, { green, yellow, dim }: Colors): (text: string) => string {
  if (state === "stable") return green;
  return state === "reconciling" ? yellow : dim;
}

/** The table of `group list`. */
export function groupListText(groups: readonly GroupSummary[], stream: Stream): string {
  return renderTable(GROUP_COLUMNS, groups, stream);
}

/** A group with what there is to say about it. */
export interface GroupReport extends GroupDescription {
  /** When it was asked, milliseconds since the Unix epoch by the clock here. */
  readonly timestamp: number;
  /** Records that wait, of all partitions. */
  readonly lag: number;
  readonly findings: readonly GroupFinding[];
}

/** What `group describe` says. */
export function groupText(report: GroupReport, stream: Stream): string {
  const { members, partitions, findings } = report;
  return [
    titleText(report, stream),
    members.length === 0 ? "" : renderTable(memberColumns(members), members, stream),
    partitions.length === 0 ? "" : renderTable(partitionColumns(report), partitions, stream),
    findings.length === 0 ? "" : findingsText(findings, stream),
  ]
    .filter((section) => section !== "")
    .join("\n");
}

function titleText(report: GroupReport, stream: Stream): string {
  const colors = colorsFor(stream);
  const { group, state, memberCount, groupEpoch, assignor, lag } = report;
  const facts = [
    stateColor(state, colors)(state),
    formatCounted(memberCount, "member"),
    `epoch ${groupEpoch}`,
    ...(assignor === "" ? [] : [`assignor ${assignor}`]),
    `lag ${formatCount(lag)}`,
  ];
  return `${colors.bold(printable(group))}  ${facts.join(", ")}\n`;
}

type Member = GroupMemberDescription;

/** What is to come is shown only while something moves. */
function memberColumns(members: readonly Member[]): Column<Member>[] {
  const columns: Column<Member>[] = [
    { title: "MEMBER", value: ({ memberId }) => memberId },
    { title: "INSTANCE", value: ({ instanceId }) => instanceId ?? "-" },
    { title: "CLIENT", value: ({ clientId }) => clientId },
    { title: "EPOCH", align: "right", value: ({ memberEpoch }) => String(memberEpoch) },
    {
      title: "STATE",
      value: ({ isConnected }) => (isConnected ? "connected" : "gone"),
      color: ({ isConnected }, { green, red }) => (isConnected ? green : red),
    },
    { title: "HAS", value: ({ assigned }) => partitionsText(assigned) },
    { title: "GIVES UP", value: ({ revoking }) => partitionsText(revoking) },
    { title: "GETS", value: (member) => partitionsText(toCome(member)) },
  ];
  const isShown: Readonly<Record<string, boolean>> = {
    INSTANCE: members.some(({ instanceId }) => instanceId !== undefined),
    CLIENT: members.some(({ clientId }) => clientId !== ""),
    "GIVES UP": members.some(({ revoking }) => revoking.length > 0),
    GETS: members.some((member) => toCome(member).length > 0),
  };
  return columns.filter(({ title }) => isShown[title] !== false);
}

function toCome({ assigned, target }: Member): Member["target"] {
  const has = new Set(assigned.map(({ topic, partition }) => `${topic} ${partition}`));
  return target.filter(({ topic, partition }) => !has.has(`${topic} ${partition}`));
}

function partitionColumns({ members, timestamp }: GroupReport): Column<GroupPartition>[] {
  const idLength = shortIdLength(members);
  return [
    { title: "TOPIC", value: ({ topic }) => topic },
    { title: "PARTITION", align: "right", value: ({ partition }) => String(partition) },
    { title: "COMMITTED", align: "right", value: ({ committed }) => offsetText(committed?.offset) },
    { title: "START", align: "right", value: (row) => ifOnline(row, formatCount(row.logStartOffset)) },
    { title: "END", align: "right", value: (row) => ifOnline(row, formatCount(row.highWatermark)) },
    {
      title: "LAG",
      align: "right",
      value: (row) => ifOnline(row, formatCount(row.lag)),
      color: ({ lag }, { yellow, green }) => (lag > 0 ? yellow : green),
    },
    {
      title: "LAST COMMIT",
      align: "right",
      value: ({ committed }) => agoText(committed?.committedAtMs, timestamp),
    },
    { title: "MEMBER", value: ({ memberId }) => memberId?.slice(0, idLength) ?? "-" },
    {
      title: "PROGRESS",
      value: ({ progress }) => progress.replaceAll("-", " "),
      color: ({ progress }, { green, red }) =>
        progress === "at-end" || progress === "reading" ? green : red,
    },
  ];
}

function offsetText(offset: number | undefined): string {
  return offset === undefined ? "-" : formatCount(offset);
}

/** Of a partition that is offline the ends may be unknown: zeros would say that it is empty. */
function ifOnline({ progress, highWatermark }: GroupPartition, text: string): string {
  return progress === "offline" && highWatermark === 0 ? "-" : text;
}

/** Clocks differ: what lies ahead happened now. */
function agoText(committedAtMs: number | undefined, nowMs: number): string {
  return committedAtMs === undefined ? "-" : `${formatDuration(Math.max(0, nowMs - committedAtMs))} ago`;
}

function findingsText(findings: readonly GroupFinding[], stream: Stream): string {
  const { bold, cyan } = colorsFor(stream);
  const lines = findings.map(({ partitions, why, command }) => {
    const what = partitions.length === 0 ? "" : `${partitionsText(partitions)}: `;
    return `  ${printable(what + why)}\n${command === undefined ? "" : `    ${cyan(printable(command))}\n`}`;
  });
  return `${bold("Why it waits")}\n${lines.join("")}`;
}

const SOUGHT_COLUMNS: readonly Column<SoughtPartition>[] = [
  { title: "TOPIC", value: ({ topic }) => topic },
  { title: "PARTITION", align: "right", value: ({ partition }) => String(partition) },
  { title: "BEFORE", align: "right", value: ({ before }) => offsetText(before) },
  { title: "AFTER", align: "right", value: ({ after }) => formatCount(after) },
  { title: "EFFECT", value: effectText },
];

function effectText({ before, after, isClamped }: SoughtPartition): string {
  const place = isClamped ? " (the place asked for is outside the log)" : "";
  if (before === undefined) return `begins here${place}`;
  if (after === before) return `stays${place}`;
  const distance = formatCount(Math.abs(after - before));
  return `${after > before ? `skips ${distance}` : `reads ${distance} again`}${place}`;
}

/** The table of `group seek`. */
export function soughtText(partitions: readonly SoughtPartition[], stream: Stream): string {
  return renderTable(SOUGHT_COLUMNS, partitions, stream);
}
