import { TOPIC_NAME_BYTES_MAX } from "./limits.ts";

const LEGAL = new RegExp(`^[A-Za-z0-9._-]{1,${TOPIC_NAME_BYTES_MAX}}$`);

/** The rule of topic names in words. */
export const TOPIC_NAME_ALLOWED = `1 to ${TOPIC_NAME_BYTES_MAX} characters of A-Z a-z 0-9 . _ -, neither "." nor ".."`;

/** Whether a topic may be called so: a name that is safe as a part of a path and of a log line. */
export function isTopicName(name: string): boolean {
  return LEGAL.test(name) && name !== "." && name !== "..";
}
