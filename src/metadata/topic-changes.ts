import type { TopicMetadata } from "./metadata-store.ts";
import { TopicConflictError } from "./topic-conflict-error.ts";

/** Throws if the topic that is there is not the version to replace; undefined stands for no topic, on both sides. */
export function checkReplaces(
  name: string,
  present: TopicMetadata | undefined,
  replaces: number | undefined,
): void {
  if (present?.version === replaces) return;
  const expected = replaces === undefined ? "absent" : `of version ${replaces}`;
  const actual = present === undefined ? "absent" : `of version ${present.version}`;
  throw new TopicConflictError(name, expected, actual);
}

/** Throws if the topic to delete has another id: it is another topic of the same name. */
export function checkDeletes(present: TopicMetadata, topicId: string): void {
  if (present.topicId === topicId) return;
  throw new TopicConflictError(present.name, `of id ${topicId}`, `of id ${present.topicId}`);
}
