/** Members as a log would have them: who they are and how far they have come, each under a key of its own. */
import type {
  GroupChanges,
  MemberAssignment,
  MemberTerms,
  StoredMember,
} from "../../src/group/machine/group-changes.ts";

export class StoredMembers {
  readonly #terms = new Map<string, MemberTerms>();
  readonly #assignments = new Map<string, MemberAssignment>();

  copy(): StoredMembers {
    const copy = new StoredMembers();
    for (const [id, terms] of this.#terms) copy.#terms.set(id, terms);
    for (const [id, assignment] of this.#assignments) copy.#assignments.set(id, assignment);
    return copy;
  }

  put({ removedMemberIds, terms, assignments }: GroupChanges): void {
    for (const id of removedMemberIds) {
      this.#terms.delete(id);
      this.#assignments.delete(id);
    }
    for (const one of terms) this.#terms.set(one.memberId, one);
    for (const one of assignments) this.#assignments.set(one.memberId, one);
  }

  all(): StoredMember[] {
    return [...this.#terms.values()].map((terms) => {
      const assignment = this.#assignments.get(terms.memberId);
      if (assignment === undefined) throw new Error(`nothing is stored of what ${terms.memberId} has`);
      return { ...terms, ...assignment };
    });
  }
}
