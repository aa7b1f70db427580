import type { GroupRegistry } from "./group-registry.ts";
import type { LiveGroup } from "./live-group.ts";

/** How long a group may be empty that has no committed offsets. */
const IDLE_MS = 600_000;

/**
 * Deletes a group that nobody has been in for 10 minutes and that has no committed offsets: there is nothing of it that
 * somebody could miss, and a broker has room for so many. Throws why it could not be.
 */
export async function forgetIdleGroup(
  group: LiveGroup,
  groups: GroupRegistry,
  nowMs: () => number,
): Promise<void> {
  const isIdle = () =>
    group.offsets.size === 0 && group.emptySinceMs !== undefined && nowMs() - group.emptySinceMs >= IDLE_MS;
  if (!isIdle()) return;
  await groups.use(group.name, (used) =>
    used.exclusively(async () => {
      // Somebody may have come while this waited for its turn.
      if (used === group && isIdle()) await group.deleteState();
    }),
  );
}
