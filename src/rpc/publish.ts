/**
 * LogService.Publish: a pipeline of batches. Requests are handed to the broker as they come; answers go back in the
 * order of the requests, whichever append is ready first. A refused batch is answered and the stream goes on.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Receipt } from "../broker/index.ts";
import { MillraceError } from "../errors/index.ts";
import type { millrace } from "../gen/millrace.js";
import { errorToMessage, type ProduceFields } from "../wire/index.ts";
import { type AppendEnvironment, append, receiptMessage } from "./append-request.ts";
import { type BidiHandler, BidiStream } from "./bidi-stream.ts";
import { type CallEnvironment, shuttingDown } from "./calls.ts";
import type { MalformedRequest } from "./malformed-request.ts";

/** Most batches and bytes that one stream has unanswered; reading pauses there. A power of two. */
const UNANSWERED_MAX = 256;
const UNANSWERED_BYTES_MAX = 8 * 1_048_576;

type Response = millrace.v1.PublishResponse.$Properties;

/** One Publish call. */
export class PublishCall implements BidiHandler<ProduceFields> {
  readonly #environment: CallEnvironment & AppendEnvironment;
  readonly #stream: BidiStream<ProduceFields, Response>;
  /** Answers that wait for an earlier one, by sequence modulo the size. */
  readonly #answers: (Response | undefined)[] = new Array(UNANSWERED_MAX).fill(undefined);
  /** Sequence of the next request, and of the next answer. */
  #nextRequest = 0;
  #nextAnswer = 0;
  #unansweredBytes = 0;
  #paused = false;
  /** How the stream ends when everything that was begun is answered: well or with an error. */
  #end: "well" | MillraceError | undefined;

  constructor(
    environment: CallEnvironment & AppendEnvironment,
    call: ServerDuplexStream<ProduceFields | MalformedRequest, Response>,
  ) {
    this.#environment = environment;
    this.#stream = new BidiStream(environment, call, this);
  }

  request(request: ProduceFields): void {
    if (this.#end !== undefined) return; // not begun, and the status will say that it had no effect
    const sequence = this.#nextRequest++;
    // The whole frame stays until the answer, however little of it is payload.
    const bytes = request.frameBytes;
    this.#unansweredBytes += bytes;
    let held = 0;
    let appended: Promise<Receipt>;
    try {
      this.#environment.budget.acquire(bytes);
      held = bytes;
      appended = append(this.#environment, request);
    } catch (thrown) {
      this.#answer(sequence, bytes, held, this.#failure(sequence, thrown));
      return;
    }
    appended.then(
      (receipt) => this.#answer(sequence, bytes, held, { sequence, receipt: receiptMessage(receipt) }),
      (thrown) => this.#answer(sequence, bytes, held, this.#failure(sequence, thrown)),
    );
    this.#pauseOrResume();
  }

  malformed(error: MillraceError): void {
    this.#endWith(error);
  }

  halfClosed(): void {
    this.#endWith("well");
  }

  drain(): void {
    this.#endWith(shuttingDown());
  }

  /** Appends that were begun go on; their answers are dropped. */
  gone(): void {
    this.#answers.length = 0;
  }

  #answer(sequence: number, bytes: number, held: number, response: Response): void {
    this.#environment.budget.release(held);
    this.#unansweredBytes -= bytes;
    if (this.#stream.ended) return;
    const mask = UNANSWERED_MAX - 1;
    this.#answers[sequence & mask] = response;
    for (;;) {
      const next = this.#answers[this.#nextAnswer & mask];
      if (next === undefined) break;
      this.#answers[this.#nextAnswer & mask] = undefined;
      this.#nextAnswer++;
      this.#write(next);
    }
    this.#endIfAnswered();
    this.#pauseOrResume();
  }

  /** A client that does not take its answers is not read further either. */
  #write(response: Response): void {
    if (this.#stream.queued < UNANSWERED_MAX / 2) this.#stream.write(response);
    else this.#stream.write(response, () => this.#pauseOrResume());
  }

  #pauseOrResume(): void {
    const full =
      this.#nextRequest - this.#nextAnswer >= UNANSWERED_MAX ||
      this.#unansweredBytes >= UNANSWERED_BYTES_MAX ||
      this.#stream.queued >= UNANSWERED_MAX;
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) this.#stream.pause();
    else this.#stream.resume();
  }

  #endWith(end: "well" | MillraceError): void {
    this.#end ??= end;
    this.#endIfAnswered();
  }

  #endIfAnswered(): void {
    if (this.#end === undefined || this.#nextAnswer < this.#nextRequest) return;
    if (this.#end === "well") this.#stream.finish();
    else this.#stream.fail(this.#end);
  }

  #failure(sequence: number, thrown: unknown): Response {
    const error = MillraceError.from(thrown);
    if (error.reason === "INTERNAL") this.#environment.logger.error({ err: thrown }, "an append failed");
    return { sequence, error: errorToMessage(error) };
  }
}
