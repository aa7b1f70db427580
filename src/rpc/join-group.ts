/**
 * GroupService.JoinGroup: a member in its group for as long as the stream lives. Commands in, changes of its assignment
 * out, in their order.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { AssignmentChange, BrokerApi, MemberSession, MemberSink } from "../broker/index.ts";
import type { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";
import type { BidiHandler } from "./bidi-stream.ts";
import { type CallEnvironment, shuttingDown } from "./calls.ts";
import { EventStream } from "./event-stream.ts";
import { joinFields, memberId, places, somePlaces, subscription } from "./group-checks.ts";
import { changeMessages } from "./group-messages.ts";
import type { MalformedRequest } from "./malformed-request.ts";
import { invalid } from "./request-checks.ts";

const { JoinGroupResponse } = millrace.v1;
type Request = millrace.v1.JoinGroupRequest;
type Response = millrace.v1.JoinGroupResponse.$Properties;

/** What a membership stands on. */
export interface GroupEnvironment extends CallEnvironment {
  readonly broker: BrokerApi;
}

/** One JoinGroup call. */
export class JoinGroupCall implements BidiHandler<Request>, MemberSink {
  readonly #environment: GroupEnvironment;
  readonly #line: EventStream<Request, Response, "joining" | "leaving">;
  #session: MemberSession | undefined;
  #isGone = false;

  constructor(environment: GroupEnvironment, call: ServerDuplexStream<Request | MalformedRequest, Response>) {
    this.#environment = environment;
    this.#line = new EventStream(environment, call, this);
  }

  request(request: Request): void {
    try {
      this.#command(request);
    } catch (thrown) {
      this.#session?.disconnected();
      throw thrown;
    }
  }

  malformed(error: MillraceError): void {
    this.#fail(error);
  }

  /** Without a leave: its session goes on for a while. */
  halfClosed(): void {
    this.#session?.disconnected();
    void this.#line.events.emptied.then(() => this.#line.stream.finish());
  }

  drain(): void {
    this.#fail(shuttingDown());
  }

  gone(): void {
    this.#isGone = true;
    this.#session?.disconnected();
    this.#line.writer.gone();
  }

  changed(change: AssignmentChange): void {
    for (const response of changeMessages(change)) {
      void this.#line.events.event(response, JoinGroupResponse.encode(response).finish().length);
    }
  }

  ended(error: MillraceError): void {
    this.#line.stream.fail(error);
  }

  #command({ join, release, subscribe, status, leave }: Request): void {
    if (join != null) this.#join(join);
    else if (release != null) this.#joined().release(somePlaces(release.partitions, "release.partitions"));
    else if (subscribe != null) this.#joined().subscribe(subscription(subscribe, "subscribe"));
    else if (status != null) this.#joined().paused(places(status.paused, "status.paused"));
    else if (leave != null) this.#leave(this.#joined());
    else throw invalid("command", "absent", "join, release, subscribe, status or leave");
  }

  #join(join: millrace.v1.GroupJoin.$Properties): void {
    if (this.#session !== undefined) throw invalid("command", "a second join", "one join");
    const command = {
      ...joinFields(join, "join"),
      memberId: memberId(join.memberId ?? "", "join.member_id"),
      owned: places(join.owned, "join.owned"),
    };
    this.#line.gate.set("joining", true);
    this.#environment.broker.groups.join(command, this).then(
      (session) => this.#begin(session),
      (thrown) => this.#line.stream.failThrown(thrown),
    );
  }

  #begin(session: MemberSession): void {
    this.#session = session;
    if (this.#isGone || this.#line.stream.ended) session.disconnected();
    else this.#line.gate.set("joining", false);
  }

  #joined(): MemberSession {
    if (this.#session === undefined) throw invalid("command", "not a join", "a join first");
    return this.#session;
  }

  #leave(session: MemberSession): void {
    this.#line.gate.set("leaving", true);
    this.#line.finishAfter(session.leave());
  }

  /** Its session goes on for a while, as if the stream had broken. */
  #fail(error: MillraceError): void {
    this.#session?.disconnected();
    this.#line.stream.fail(error);
  }
}
