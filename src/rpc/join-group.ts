/**
 * GroupService.JoinGroup: a member in its group for as long as the stream lives. Commands in, changes of its assignment
 * out, in their order.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { AssignmentChange, BrokerApi, MemberSession, MemberSink } from "../broker/index.ts";
import type { MillraceError } from "../errors/index.ts";
import { millrace } from "../gen/millrace.js";
import { type BidiHandler, BidiStream } from "./bidi-stream.ts";
import { type CallEnvironment, shuttingDown } from "./calls.ts";
import { DeliveryWriter } from "./delivery-writer.ts";
import { EventLine } from "./event-line.ts";
import { joinFields, memberId, places, somePlaces, subscription } from "./group-checks.ts";
import { changeMessages } from "./group-messages.ts";
import { resetStalled } from "./grpc-internals.ts";
import type { MalformedRequest } from "./malformed-request.ts";
import { ReadGate } from "./read-gate.ts";
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
  readonly #stream: BidiStream<Request, Response>;
  readonly #gate: ReadGate<"joining" | "leaving" | "blocked">;
  readonly #writer: DeliveryWriter<Response>;
  readonly #events: EventLine<Response>;
  #session: MemberSession | undefined;
  #isGone = false;

  constructor(environment: GroupEnvironment, call: ServerDuplexStream<Request | MalformedRequest, Response>) {
    this.#environment = environment;
    this.#stream = new BidiStream(environment, call, this);
    this.#gate = new ReadGate(this.#stream);
    this.#writer = new DeliveryWriter(this.#stream, {
      clock: environment.clock,
      budget: environment.sending,
      reset: () => resetStalled(call),
      // Who does not take events gives no commands either: each may cause another event.
      blocked: (blocked) => this.#gate.set("blocked", blocked),
    });
    this.#events = new EventLine(this.#writer);
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
    void this.#events.emptied.then(() => this.#stream.finish());
  }

  drain(): void {
    this.#fail(shuttingDown());
  }

  gone(): void {
    this.#isGone = true;
    this.#session?.disconnected();
    this.#writer.gone();
  }

  changed(change: AssignmentChange): void {
    for (const response of changeMessages(change)) {
      void this.#events.event(response, JoinGroupResponse.encode(response).finish().length);
    }
  }

  ended(error: MillraceError): void {
    this.#stream.fail(error);
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
    this.#gate.set("joining", true);
    this.#environment.broker.groups.join(command, this).then(
      (session) => this.#begin(session),
      (thrown) => this.#stream.failThrown(thrown),
    );
  }

  #begin(session: MemberSession): void {
    this.#session = session;
    if (this.#isGone || this.#stream.ended) session.disconnected();
    else this.#gate.set("joining", false);
  }

  #joined(): MemberSession {
    if (this.#session === undefined) throw invalid("command", "not a join", "a join first");
    return this.#session;
  }

  #leave(session: MemberSession): void {
    this.#gate.set("leaving", true);
    session.leave().then(
      () => this.#events.emptied.then(() => this.#stream.finish()),
      (thrown) => this.#stream.failThrown(thrown),
    );
  }

  /** Its session goes on for a while, as if the stream had broken. */
  #fail(error: MillraceError): void {
    this.#session?.disconnected();
    this.#stream.fail(error);
  }
}
