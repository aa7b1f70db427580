import { isTopicName, TOPIC_NAME_ALLOWED } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";

const SHOWN_CHARACTERS_MAX = 60;

/** Refuses a name that could not safely be part of a path or a log line, with INVALID_REQUEST. */
export function checkTopicName(name: string): void {
  if (isTopicName(name)) return;
  const shown = JSON.stringify(
    name.length > SHOWN_CHARACTERS_MAX ? `${name.slice(0, SHOWN_CHARACTERS_MAX)}…` : name,
  );
  const allowed = TOPIC_NAME_ALLOWED;
  throw new MillraceError("INVALID_REQUEST", `topic name ${shown} is not allowed; choose ${allowed}`, {
    details: { field: "topic", value: shown, allowed },
  });
}
