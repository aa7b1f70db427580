/**
 * One member of one group, in a process of its own. SIGTERM leaves the group, SIGINT goes without leaving, as a static
 * member does that will be back; SIGCONT, after a stop, commits late what was delivered before.
 */
import { LateCommits } from "./late-commits.ts";
import type { MemberOptions } from "./member-options.ts";
import { MemberRecorder } from "./member-recorder.ts";
import { type RunningMember, startSdkMember } from "./sdk-member.ts";
import { startThinMember } from "./thin-member.ts";

const options = JSON.parse(process.argv[2]!) as MemberOptions;
const recorder = new MemberRecorder(options);
const late = new LateCommits(options, recorder);
process.on("SIGCONT", () => late.send(recorder.open));
// The program's clock keeps no process alive, and while the broker is away there is nothing else.
const alive = setInterval(() => undefined, 60_000);
let leave: boolean | undefined;
let member: RunningMember | undefined;
const stop = (isForGood: boolean) => {
  leave = isForGood;
  member?.stop(isForGood);
};
process.on("SIGTERM", () => stop(true));
process.on("SIGINT", () => stop(false));
process.stdout.write("ready\n");
const start = options.kind === "thin" ? startThinMember : startSdkMember;
member = await start(options, recorder, late);
if (leave !== undefined) member.stop(leave);
await member.ended;
await late.close();
clearInterval(alive);
process.exit(0);
