/**
 * GroupService.Consume: a member and its reading in one stream. The broker's consumption decides what is read and what
 * may be committed; here it meets the transport, in which everything that it tells keeps its order.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { READ_CHUNK_BYTES_MAX } from "../base/index.ts";
import type {
  Assignment,
  ConsumeAssigned,
  ConsumeCommand,
  ConsumeGap,
  ConsumptionApi,
  ConsumptionSink,
  Delivered,
  OffsetFallback,
  ReadResult,
  ReadRoom,
  TopicPartition,
} from "../broker/index.ts";
import type { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";
import { errorToMessage, type GatherMessage } from "../wire/index.ts";
import type { BidiHandler } from "./bidi-stream.ts";
import { shuttingDown } from "./calls.ts";
import { deliveryMessage } from "./delivery-message.ts";
import { EventStream } from "./event-stream.ts";
import { type RecordForm, recordForm } from "./fetch.ts";
import { joinFields, memberId, offsetCommits, places, somePlaces } from "./group-checks.ts";
import { assignedMessages, resultMessages, revokedMessages } from "./group-messages.ts";
import type { GroupEnvironment } from "./join-group.ts";
import type { MalformedRequest } from "./malformed-request.ts";
import { invalid, offsetNumber, partitionNumber, topicName, withDefault } from "./request-checks.ts";

const { ConsumeResponse, OffsetFallback: Fallback } = millrace.v1;

/** Commits of one stream that are not answered yet, and offsets in them, at which reading pauses. */
const COMMITS_MAX = 16;
const COMMITTING_OFFSETS_MAX = 10_000;

/** A consumer's answer: deliveries come encoded. */
export type ConsumeAnswer = GatherMessage | millrace.v1.ConsumeResponse.$Properties;
type Event = millrace.v1.ConsumeResponse.$Properties;
type Request = millrace.v1.ConsumeRequest;

/** One Consume call. */
export class ConsumeCall implements BidiHandler<Request>, ConsumptionSink {
  readonly #environment: GroupEnvironment;
  readonly #line: EventStream<Request, ConsumeAnswer, "joining" | "committing" | "closing">;
  #consumption: ConsumptionApi | undefined;
  #form: RecordForm = "records";
  #commits = 0;
  #committingOffsets = 0;
  #isGone = false;

  constructor(
    environment: GroupEnvironment,
    call: ServerDuplexStream<Request | MalformedRequest, ConsumeAnswer>,
  ) {
    this.#environment = environment;
    this.#line = new EventStream(environment, call, this);
  }

  request(request: Request): void {
    try {
      this.#command(request);
    } catch (thrown) {
      this.#consumption?.disconnected();
      throw thrown;
    }
  }

  malformed(error: MillraceError): void {
    this.#consumption?.disconnected();
    this.#line.stream.fail(error);
  }

  /** Without a leave: its session goes on for a while. */
  halfClosed(): void {
    this.#close(() => this.#line.stream.finish());
  }

  drain(): void {
    this.#line.gate.set("closing", true);
    this.#close(() => this.#line.stream.fail(shuttingDown()));
  }

  gone(): void {
    this.#isGone = true;
    this.#consumption?.disconnected();
    this.#line.writer.gone();
  }

  get room(): ReadRoom {
    return this.#line.writer.room;
  }

  deliver(assignment: Assignment, read: ReadResult): Delivered {
    const { message, charge, taken } = deliveryMessage("consume", this.#form, assignment, read);
    return { ...charge, ready: this.#line.events.delivery(message, message.byteLength, taken) };
  }

  caughtUp(assignment: Assignment, highWatermark: number): Promise<void> {
    return this.#tell({ caughtUp: { ...assignment, highWatermark } });
  }

  failed(assignment: Assignment, error: MillraceError): Promise<void> {
    return this.#tell({ failure: { ...assignment, error: errorToMessage(error) } });
  }

  assigned(assigned: ConsumeAssigned): void {
    for (const event of assignedMessages(assigned)) void this.#tell(event);
  }

  revoked(memberEpoch: number, partitions: readonly TopicPartition[]): void {
    for (const event of revokedMessages(memberEpoch, partitions)) void this.#tell(event);
  }

  gap({ topic, partition, from, to, lost }: ConsumeGap): void {
    void this.#tell({ gap: { topic, partition, from, to, lost } });
  }

  ended(error: MillraceError): void {
    this.#line.stream.fail(error);
  }

  #command({ join, credit, commit, release, pause, resume, seek, leave }: Request): void {
    if (join != null) this.#join(join);
    else if (credit != null) this.#credit(credit, this.#joined());
    else if (commit != null) this.#commit(commit, this.#joined());
    else if (release != null) this.#joined().release(somePlaces(release.partitions, "release.partitions"));
    else if (pause != null) this.#joined().pause(places(pause.partitions, "pause.partitions"));
    else if (resume != null) this.#joined().resume(places(resume.partitions, "resume.partitions"));
    else if (seek != null) this.#seek(seek, this.#joined());
    else if (leave != null) this.#leave(this.#joined());
    else throw invalid("command", "absent", "join, credit, commit, release, pause, resume, seek or leave");
  }

  #join(join: millrace.v1.ConsumeJoin.$Properties): void {
    if (this.#consumption !== undefined) throw invalid("command", "a second join", "one join");
    this.#form = recordForm(join.format ?? 0);
    const command = consumeCommand(join);
    this.#line.gate.set("joining", true);
    this.#environment.broker.consume(command, this).then(
      (consumption) => this.#begin(consumption),
      (thrown) => this.#line.stream.failThrown(thrown),
    );
  }

  #begin(consumption: ConsumptionApi): void {
    this.#consumption = consumption;
    if (this.#isGone || this.#line.stream.ended) consumption.disconnected();
    else this.#line.gate.set("joining", false);
  }

  #joined(): ConsumptionApi {
    if (this.#consumption === undefined) throw invalid("command", "not a join", "a join first");
    return this.#consumption;
  }

  #credit({ records, bytes }: millrace.v1.ConsumeCredit.$Properties, consumption: ConsumptionApi): void {
    const checked = [offsetNumber(records ?? 0, "credit.records"), offsetNumber(bytes ?? 0, "credit.bytes")];
    consumption.addCredit(checked[0]!, checked[1]!);
  }

  #commit(commit: millrace.v1.ConsumeCommit.$Properties, consumption: ConsumptionApi): void {
    const commitId = offsetNumber(commit.commitId ?? 0, "commit.commit_id");
    const offsets = offsetCommits(commit.offsets, "commit.offsets");
    this.#committing(1, offsets.length);
    void consumption.commit(offsets).then((results) => {
      this.#committing(-1, -offsets.length);
      return this.#tell({ committed: { commitId, results: resultMessages(results) } });
    });
  }

  #committing(commits: number, offsets: number): void {
    this.#commits += commits;
    this.#committingOffsets += offsets;
    const isFull = this.#commits >= COMMITS_MAX || this.#committingOffsets >= COMMITTING_OFFSETS_MAX;
    this.#line.gate.set("committing", isFull);
  }

  #seek(seek: millrace.v1.ConsumeSeek.$Properties, consumption: ConsumptionApi): void {
    const topic = topicName(seek.topic ?? "", "seek.topic");
    const partition = partitionNumber(seek.partition ?? 0, "seek.partition");
    const offset = offsetNumber(seek.offset ?? 0, "seek.offset");
    const assignmentId = offsetNumber(seek.assignmentId ?? 0, "seek.assignment_id");
    consumption.seek({ topic, partition, assignmentId }, offset);
  }

  #leave(consumption: ConsumptionApi): void {
    this.#line.gate.set("closing", true);
    this.#line.finishAfter(consumption.leave());
  }

  /** Ends the stream when the commits under way are answered. */
  #close(end: () => void): void {
    if (this.#consumption === undefined) end();
    else void this.#consumption.close().then(() => this.#line.events.emptied.then(end));
  }

  #tell(event: Event): Promise<void> {
    return this.#line.events.event(event, ConsumeResponse.encode(event).finish().length);
  }
}

function consumeCommand(join: millrace.v1.ConsumeJoin.$Properties): ConsumeCommand {
  const member = join.member ?? {};
  const owned = member.owned?.length ?? 0;
  if (owned > 0) {
    throw invalid("the number of join.member.owned", owned, "none: partitions come with `assigned` again");
  }
  const id = member.memberId ?? "";
  const fields = joinFields(member, "join.member");
  if (id === "" && fields.memberEpoch > 0) {
    throw invalid("join.member.member_epoch", fields.memberEpoch, "0 without a member_id");
  }
  return {
    ...fields,
    memberId: id === "" ? undefined : memberId(id, "join.member.member_id"),
    onNoOffset: fallback(join.onNoOffset ?? 0, "start", "join.on_no_offset"),
    onGap: fallback(join.onGap ?? 0, "fail", "join.on_gap"),
    maxBytes: withDefault(join.maxBytes ?? 0, READ_CHUNK_BYTES_MAX, READ_CHUNK_BYTES_MAX, "join.max_bytes"),
  };
}

function fallback(value: millrace.v1.OffsetFallback, preset: OffsetFallback, field: string): OffsetFallback {
  if (value === Fallback.OFFSET_FALLBACK_UNSPECIFIED) return preset;
  if (value === Fallback.OFFSET_FALLBACK_START) return "start";
  if (value === Fallback.OFFSET_FALLBACK_END) return "end";
  if (value === Fallback.OFFSET_FALLBACK_FAIL) return "fail";
  throw invalid(field, value, "OFFSET_FALLBACK_START (1), _END (2), _FAIL (3) or absent");
}
