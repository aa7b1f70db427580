/** Members as people tell them apart: ids are UUIDs as a rule, too long for a table with other things in it. */
import type { GroupMemberDescription } from "../../src/index.ts";

const SHORT_CHARACTERS_MIN = 8;

/** What ids are cut to: as few characters as keep them apart. */
export function shortIdLength(members: readonly GroupMemberDescription[]): number {
  const longest = members.reduce((length, { memberId }) => Math.max(length, memberId.length), 0);
  for (let length = SHORT_CHARACTERS_MIN; length < longest; length += 4) {
    if (new Set(members.map(({ memberId }) => memberId.slice(0, length))).size === members.length)
      return length;
  }
  return longest;
}

/** "member 3f2a9c1e (billing-1)": a short id and the name that people gave it. */
export function describeMember(
  memberId: string | undefined,
  members: readonly GroupMemberDescription[],
): string {
  if (memberId === undefined) return "its member";
  const member = members.find((each) => each.memberId === memberId);
  const name = member?.instanceId ?? member?.clientId ?? "";
  const id = memberId.slice(0, Math.max(SHORT_CHARACTERS_MIN, shortIdLength(members)));
  return name === "" ? `member ${id}` : `member ${id} (${name})`;
}
