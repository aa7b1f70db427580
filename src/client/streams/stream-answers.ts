import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import type { Clock } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import { streamService } from "../../wire/index.ts";
import type { BrokerConnection } from "../transport/broker-connection.ts";

type Response = millrace.v1.ReadStreamResponse;

/** The answers to one ReadStream call, each waited for at most so long. To be cancelled in the end. */
export class StreamAnswers {
  readonly #clock: Clock;
  readonly #leader: BrokerConnection;
  readonly #call: ClientReadableStream<Response>;
  readonly #responses: AsyncIterator<Response, undefined>;

  constructor(clock: Clock, leader: BrokerConnection, request: millrace.v1.ReadStreamRequest.$Properties) {
    this.#clock = clock;
    this.#leader = leader;
    this.#call = leader.openReading(streamService.readStream, request);
    // A cancelled call fails once more, when nobody listens any longer.
    this.#call.on("error", () => {});
    this.#responses = this.#call[Symbol.asyncIterator]();
  }

  /** The next answer; undefined at the end. Throws why the call failed; DEADLINE_EXCEEDED after `timeoutMs`. */
  async next(timeoutMs: number): Promise<Response | undefined> {
    let isLate = false;
    const timer = this.#clock.schedule(timeoutMs, () => {
      isLate = true;
      this.#call.cancel();
    });
    try {
      const { done, value } = await this.#responses.next();
      return done === true ? undefined : value;
    } catch (thrown) {
      throw isLate ? this.#late(timeoutMs) : this.#leader.explain(thrown as ServiceError);
    } finally {
      timer.cancel();
    }
  }

  /** Ends the call; harmless if it has ended. */
  cancel(): void {
    this.#call.cancel();
  }

  #late(timeoutMs: number): MillraceError {
    const { endpoint } = this.#leader;
    const text = `no events from ${endpoint} within ${Math.round(timeoutMs)} ms; raise the client's timeoutMs or look whether the broker is overloaded`;
    return new MillraceError("DEADLINE_EXCEEDED", text, { details: { endpoint }, effect: "none" });
  }
}
