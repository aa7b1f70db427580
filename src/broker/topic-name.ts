import { TOPIC_NAME_BYTES_MAX } from "../base/index.ts";
import { MillraceError } from "../errors/index.ts";

const LEGAL = new RegExp(`^[A-Za-z0-9._-]{1,${TOPIC_NAME_BYTES_MAX}}$`);
const SHOWN_CHARACTERS_MAX = 60;

/** Refuses a name that could not safely be part of a path or a log line, with INVALID_REQUEST. */
export function checkTopicName(name: string): void {
  if (LEGAL.test(name) && name !== "." && name !== "..") return;
  const shown = JSON.stringify(
    name.length > SHOWN_CHARACTERS_MAX ? `${name.slice(0, SHOWN_CHARACTERS_MAX)}…` : name,
  );
  const allowed = `1 to ${TOPIC_NAME_BYTES_MAX} of the characters A-Z a-z 0-9 . _ - (and not "." or "..")`;
  throw new MillraceError("INVALID_REQUEST", `topic name ${shown} is not allowed; choose ${allowed}`, {
    details: { field: "topic", value: shown, allowed },
  });
}
