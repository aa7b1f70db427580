/** A member that speaks the Consume stream itself and knows no more than its messages. */
import { type Random, seededRandom, systemClock } from "../../../src/base/index.ts";
import { MillraceError } from "../../../src/errors/index.ts";
import { BrokerConnection } from "../../../src/client/transport/broker-connection.ts";
import { groupService } from "../../../src/client/transport/services.ts";
import { millrace } from "../../../src/gen/millrace.js";
import { type CallFailure, messageToError, statusToError } from "../../../src/wire/index.ts";
import type { LateCommits } from "./late-commits.ts";
import { type MemberOptions, partitionName, partitionOf } from "./member-options.ts";
import type { KnownTenure, MemberRecorder } from "./member-recorder.ts";
import type { RunningMember } from "./sdk-member.ts";

const { OffsetFallback } = millrace.v1;
const REBALANCE_TIMEOUT_MS = 60_000;
const CREDIT_RECORDS = 100;
const CREDIT_BYTES = 1_048_576;
const REDIAL_MS = 100;

/** Joins the group and reads until it is stopped. */
export function startThinMember(
  options: MemberOptions,
  recorder: MemberRecorder,
  late: LateCommits,
): RunningMember {
  const member = new ThinMember(options, recorder, late);
  return { ended: member.ended, stop: () => member.leave() };
}

type Stream = ReturnType<typeof openConsume>;

function openConsume(connection: BrokerConnection) {
  return connection.openStream(groupService.consume);
}

class ThinMember {
  readonly ended: Promise<void>;
  readonly #options: MemberOptions;
  readonly #recorder: MemberRecorder;
  readonly #late: LateCommits;
  readonly #connection: BrokerConnection;
  readonly #commits = new Map<number, string>();
  readonly #random: Random;
  #end!: (failure?: MillraceError) => void;
  #stream: Stream | undefined;
  #memberId = "";
  #epoch = 0;
  #isLeaving = false;
  /** What it had when the stream broke, until it hears whether its session goes on. */
  readonly #lost: KnownTenure[] = [];

  constructor(options: MemberOptions, recorder: MemberRecorder, late: LateCommits) {
    this.#options = options;
    this.#recorder = recorder;
    this.#late = late;
    this.#random = seededRandom(options.seed);
    const connection = { clientId: options.member, timeoutMs: 5_000, clock: systemClock };
    this.#connection = new BrokerConnection(options.endpoint, "given", connection);
    this.ended = new Promise((resolve, reject) => {
      this.#end = (failure) => {
        this.#connection.close();
        if (failure === undefined) resolve();
        else reject(failure);
      };
    });
    this.#join();
  }

  /** Leaves for good, once the commits under way are answered. */
  leave(): void {
    this.#isLeaving = true;
    this.#recorder.left();
    if (this.#stream === undefined) this.#end();
    else this.#stream.write({ leave: {} });
  }

  /** A member that is back gives its id and epoch, and gets its partitions anew. */
  #join(): void {
    const { group, member, topics, sessionTimeoutMs, instance } = this.#options;
    const stream = openConsume(this.#connection);
    this.#stream = stream;
    stream.write({
      join: {
        member: {
          group,
          memberId: this.#memberId,
          memberEpoch: this.#epoch,
          instanceId: instance ?? "",
          clientId: member,
          subscription: { topics: [...topics] },
          sessionTimeoutMs,
          rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
        },
        onNoOffset: OffsetFallback.OFFSET_FALLBACK_START,
        onGap: OffsetFallback.OFFSET_FALLBACK_FAIL,
      },
    });
    stream.write({ credit: { records: CREDIT_RECORDS, bytes: CREDIT_BYTES } });
    stream.on("data", (event: millrace.v1.ConsumeResponse) => {
      try {
        this.#hear(event, stream);
      } catch (error) {
        this.#end(MillraceError.from(error));
      }
    });
    stream.on("error", (failure) => this.#broken(stream, statusToError(failure as CallFailure)));
    stream.on("end", () => this.#broken(stream));
  }

  #hear(event: millrace.v1.ConsumeResponse, stream: Stream): void {
    if (event.assigned) this.#assigned(event.assigned as millrace.v1.ConsumeAssigned);
    else if (event.revoked) this.#revoked(event.revoked as millrace.v1.ConsumeRevoked, stream);
    else if (event.delivery) this.#delivered(event.delivery as millrace.v1.Delivery, stream);
    else if (event.committed) this.#committed(event.committed as millrace.v1.ConsumeCommitted);
    else if (event.failure) throw messageToError(event.failure.error!);
    else if (event.gap) throw new Error(`a gap in a log that nobody cuts: ${JSON.stringify(event.gap)}`);
  }

  #assigned({ memberId, memberEpoch, partitions }: millrace.v1.ConsumeAssigned): void {
    this.#memberId = memberId;
    this.#epoch = memberEpoch;
    this.#lost.length = 0;
    for (const known of this.#recorder.open) known.epoch = memberEpoch;
    for (const position of partitions)
      this.#recorder.assigned(
        partitionName(position as Place),
        memberId,
        memberEpoch,
        Number(position.offset),
      );
  }

  #revoked({ memberEpoch, partitions }: millrace.v1.ConsumeRevoked, stream: Stream): void {
    this.#epoch = memberEpoch;
    this.#recorder.ended(
      "released",
      partitions.map((partition) => partitionName(partition as Place)),
    );
    stream.write({ release: { partitions } });
  }

  #delivered(delivery: millrace.v1.Delivery, stream: Stream): void {
    if (this.#isLeaving) return;
    const { chargedRecords, chargedBytes, records, nextOffset } = delivery;
    const name = partitionName(delivery);
    const values = records.map(({ value }) => Buffer.from(value ?? []).toString());
    if (records.length > 0) this.#recorder.polled(name, Number(records[0]!.offset), values);
    stream.write({ credit: { records: chargedRecords, bytes: chargedBytes } });
    this.#commit(name, nextOffset, stream);
    // Lower than the one before, which must stay.
    if (this.#random.fraction() < 0.02) this.#commit(name, nextOffset - 1, stream);
  }

  #commit(name: string, offset: number, stream: Stream): void {
    const commitId = this.#recorder.commitSent(name, offset, { once: true });
    this.#commits.set(commitId, name);
    stream.write({ commit: { commitId, offsets: [{ ...partitionOf(name), offset }] } });
  }

  #committed({ commitId, results }: millrace.v1.ConsumeCommitted): void {
    const name = this.#commits.get(commitId)!;
    this.#commits.delete(commitId);
    const [result] = results;
    if (result?.error) this.#recorder.notCommitted(name, commitId, messageToError(result.error));
    else this.#recorder.committed(name, commitId, Number(result!.offset));
  }

  /** The stream is over: what it had comes with the next one, from where it is committed. */
  #broken(stream: Stream, failure?: MillraceError): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#commits.clear();
    if (this.#isLeaving) {
      this.#end();
      return;
    }
    if (failure !== undefined && !mayJoinAgain(failure)) {
      this.#end(failure);
      return;
    }
    this.#recorder.disconnected();
    this.#lost.push(...this.#recorder.open);
    this.#recorder.ended(
      "lost",
      this.#lost.map(({ partition }) => partition),
    );
    if (failure?.retry === "rejoin") {
      this.#epoch = 0;
      this.#memberId = "";
      this.#late.send(this.#lost.splice(0));
    }
    setTimeout(() => {
      if (!this.#isLeaving) this.#join();
    }, REDIAL_MS);
  }
}

function mayJoinAgain({ retry, reason }: MillraceError): boolean {
  return retry !== "never" || reason === "DISCONNECTED";
}

type Place = { readonly topic: string; readonly partition: number };
