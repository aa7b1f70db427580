/** Name of the group that adds up delays. */
export const GROUP = "delays";

/** What a member tells its parent: partitions that came and went, and how many flights it added. */
export type MemberNews =
  | { readonly assigned: readonly number[] }
  | { readonly revoked: readonly number[] }
  | { readonly added: number };
