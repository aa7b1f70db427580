/** What is done to members and broker in a round. */
import { type Random, sleep, systemClock } from "../../../src/base/index.ts";
import {
  type GroupCluster,
  GROUPS,
  KEEPALIVE_MS,
  type MemberProcess,
  SESSION_TIMEOUT_MS,
} from "./group-cluster.ts";
import type { MemberKind } from "./member-options.ts";

/** Members of each group while nothing happens: 24 partitions among three. */
const FIRST_MEMBERS: readonly { readonly kind: MemberKind; readonly instance?: string }[] = [
  { kind: "batches", instance: "static" },
  { kind: "run" },
  { kind: "thin" },
];
const KINDS: readonly MemberKind[] = ["batches", "batches", "records", "run", "thin"];
/** Longer than it takes a broker to notice and to end the session. */
const STOPPED_MS_MIN = 2 * KEEPALIVE_MS + SESSION_TIMEOUT_MS + 200;

/** Starts the first members of all groups. */
export function startFirstMembers(cluster: GroupCluster): void {
  for (const group of GROUPS)
    for (const { kind, instance } of FIRST_MEMBERS) cluster.startMember(group, kind, instance);
}

/** Faults by name; each ends with as many members as before, and with a broker. */
export const FAULTS = {
  /** Kills a member and starts another. */
  "kill a member": killMember,
  /** Stops a member until others have its partitions, and lets it go on. */
  "stop a member": async (cluster: GroupCluster, random: Random) => {
    const member = oneOf(random, cluster.running);
    await cluster.stopMember(member, STOPPED_MS_MIN + random.fraction() * 1_000);
    await pause(random, 500);
  },
  /** A member more, then one less. */
  "add and remove a member": async (cluster: GroupCluster, random: Random) => {
    const group = oneOf(random, GROUPS);
    cluster.startMember(group, oneOf(random, KINDS));
    await pause(random, 1_500);
    const others = cluster.running.filter(
      ({ options }) => options.group === group && options.instance === undefined,
    );
    if (others.length > 0) await cluster.endMember(oneOf(random, others), true);
  },
  /** A static member ends, softly or not, and is back under its name. */
  "restart a static member": async (cluster: GroupCluster, random: Random) => {
    const named = cluster.running.filter(({ options }) => options.instance !== undefined);
    if (named.length === 0) return;
    const member = oneOf(random, named);
    if (random.fraction() < 0.5) await cluster.killMember(member);
    else await cluster.endMember(member, false);
    await pause(random, 500);
    cluster.startMember(member.options.group, member.options.kind, member.options.instance);
  },
  /** Kills the broker, and a member with it. */
  "kill the broker": async (cluster: GroupCluster, random: Random) => {
    const killing = random.fraction() < 0.5 ? killMember(cluster, random) : undefined;
    await cluster.killBroker();
    await pause(random, 700);
    await cluster.restartBroker();
    await killing;
  },
} as const satisfies Record<string, (cluster: GroupCluster, random: Random) => Promise<void>>;

async function killMember(cluster: GroupCluster, random: Random): Promise<void> {
  const member: MemberProcess = oneOf(random, cluster.running);
  const { group, kind, instance } = member.options;
  await cluster.killMember(member);
  await pause(random, 300);
  // A static member's successor may come under its name, or under none for ever.
  cluster.startMember(group, instance === undefined ? oneOf(random, KINDS) : kind, instance);
}

function pause(random: Random, msMax: number): Promise<void> {
  return sleep(systemClock, random.fraction() * msMax);
}

function oneOf<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.fraction() * list.length)]!;
}
