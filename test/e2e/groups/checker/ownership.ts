/**
 * Whether a partition ever had two owners in one group. What can be proved from outside: a member has a partition from
 * when it hears so until it is about to say that it gives it up. Before that the broker may only give it to another
 * when the member's session is over, and that takes the session timeout from the first moment in which they could not
 * talk. A member that was stopped or cut off does not know that its session is over and may go on handing out what it
 * has fetched; that does no harm, for its commits are refused (`commits.ts`), but it must end soon after they can talk
 * again.
 */
import { type Disturbances, GRACE_US, TIMER_SLACK_US } from "./disturbances.ts";
import type { Finding } from "./finding.ts";
import type { Chapter } from "./story.ts";
import type { Tenure } from "./tenure.ts";

/** The overlaps of tenures that no fault excuses. `endAt` is the end of the history. */
export function checkOwners({ tenures }: Chapter, disturbances: Disturbances, endAt: number): Finding[] {
  const findings: Finding[] = [];
  const lingersOn = (earlier: Tenure, later: Tenure) => lingers(earlier, later, disturbances, endAt);
  for (const [index, later] of tenures.entries()) {
    for (const earlier of tenures.slice(0, index)) {
      const why = objection(earlier, later, disturbances) ?? lingersOn(earlier, later);
      if (why === undefined) continue;
      const { group, member } = later.member;
      const text = `${later.assigned.partition} of ${group} was given to ${member} while ${earlier.member.member} had it: ${why}`;
      findings.push({ kind: "two-owners", text, evidence: [earlier.assigned, later.assigned] });
    }
  }
  return findings;
}

function objection(earlier: Tenure, later: Tenure, disturbances: Disturbances): string | undefined {
  if (earlier.member === later.member) return undefined;
  const { instance, sessionTimeoutMs } = earlier.member;
  const isSuccessor = instance !== undefined && instance === later.member.instance;
  if (earlier.assigned.epoch === later.assigned.epoch && !isSuccessor) return "both in one epoch";
  const givenAt = later.assigned.at;
  if (givenAt >= heldUntil(earlier)) return undefined;
  if (disturbances.mayHaveEndedSession(earlier.member, givenAt)) return undefined;
  return `it had not given it up, and its session of ${sessionTimeoutMs} ms cannot have been over`;
}

/** A killed member keeps its session until it times out. */
function heldUntil({ end, endedAt, member }: Tenure): number {
  return end === "killed" ? endedAt + member.sessionTimeoutMs * 1_000 - TIMER_SLACK_US : endedAt;
}

function lingers(
  earlier: Tenure,
  later: Tenure,
  disturbances: Disturbances,
  endAt: number,
): string | undefined {
  if (earlier.member === later.member) return undefined;
  const from = Math.max(earlier.assigned.at, later.assigned.at);
  const to = Math.min(earlier.endedAt, endAt);
  if (to <= from) return undefined;
  const calm = disturbances.longestCalm(earlier.member.member, from, to);
  return calm > GRACE_US ? "it went on as the owner long after it could have learned" : undefined;
}
