import type { Timer } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { TopicPartition } from "../api/places.ts";
import { Backoff } from "../backoff.ts";
import { joinCommand, placeMessage, subscriptionMessage } from "./join-command.ts";
import type { MembershipPorts, MembershipSettings } from "./membership-ports.ts";
import type { MemberChange, MemberCommand, MembershipStream } from "./membership-stream.ts";

/**
 * How long the answer to a join is waited for, milliseconds, before it is told and tried again: within these bounds what
 * is left of retryTimeoutMs. That one may be 0, and a group that is stored takes its time.
 */
const ANSWER_MS_MIN = 5_000;
const ANSWER_MS_MAX = 30_000;
/** Longest wait for the answer to a leave while the join before it is not answered. */
const LEAVE_UNANSWERED_MS_MAX = 2_000;

/** Who the member is at the moment: commits are made in this name. */
export interface MemberIdentity {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** Sessions before this one. */
  readonly session: number;
}

/**
 * The membership of a group: a stream to the coordinator that is opened again whenever it breaks. Within the session
 * timeout after the break, by this side's monotonic clock, the member comes back with what it has; after it, or when the
 * coordinator says so, it has lost everything and joins anew with epoch 0.
 *
 *             start            first answer                break
 *     idle ──────────► joining ───────────► member ◄──────────────► back within the session timeout
 *      ▲                  ▲                    │  UNKNOWN_MEMBER, STALE_MEMBER_EPOCH, or the time is over
 *      │ failed           └──── lost ◄─────────┤
 *      └───────────────────────────────────────┘  MEMBER_FENCED, or no answer for retryTimeoutMs
 *
 * A join that is not answered counts as a break too: a coordinator may hold it while it cannot store the group.
 */
export class Membership {
  readonly #settings: MembershipSettings;
  readonly #ports: MembershipPorts;
  readonly #backoff: Backoff;
  readonly memberId: string;
  #memberEpoch = 0;
  #session = 0;
  #isRunning = false;
  #stream: MembershipStream | undefined;
  /** Counts streams: what an earlier one says is void. */
  #attempt = 0;
  /** Since when no stream has been answered, while one should be. */
  #troubleSinceMs: number | undefined;
  /** Runs while a join waits for its answer. */
  #answerTimer: Timer | undefined;
  #sessionTimer: Timer | undefined;
  #sessionEndsMs: number | undefined;
  #retryTimer: Timer | undefined;
  #onLeft: (() => void) | undefined;

  constructor(settings: MembershipSettings, ports: MembershipPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#backoff = new Backoff(ports.random);
    this.memberId = ports.random.id();
  }

  get identity(): MemberIdentity {
    return { memberId: this.memberId, memberEpoch: this.#memberEpoch, session: this.#session };
  }

  /** Joins, unless that is done or under way. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#backoff.reset();
    void this.#connect();
  }

  /** Says that partitions are given up. While the stream is broken, the next one says so by not naming them. */
  release(partitions: readonly TopicPartition[]): void {
    this.#send({ release: { partitions: partitions.map(placeMessage) } });
  }

  /** Says what the member wants to read now. */
  subscribe(): void {
    this.#send({ subscribe: subscriptionMessage(this.#ports.subscription()) });
  }

  /** Says what the member has paused now. */
  tellPaused(): void {
    this.#send({ status: { paused: this.#ports.paused().map(placeMessage) } });
  }

  /** A commit of this session was refused as that of a member who is none. */
  sessionOver(session: number, why: MillraceError): void {
    if (!this.#isRunning || session !== this.#session || this.#memberEpoch === 0) return;
    this.#dropStream();
    this.#loseSession(why);
    this.#connectLater(why);
  }

  /** Opens the stream anew, so that both sides agree on what the member has. */
  rejoin(): void {
    if (!this.#isRunning || this.#stream === undefined) return;
    this.#dropStream();
    this.#broken();
    void this.#connect();
  }

  /**
   * Leaves the group; resolves when the coordinator has taken note, or after `timeoutMs`. One that has not answered the
   * join reads no leave either: it is not waited for as long, and puts the member out after its session timeout.
   */
  async leave(limitMs: number): Promise<void> {
    const stream = this.#stream;
    const timeoutMs = this.#answerTimer === undefined ? limitMs : Math.min(limitMs, LEAVE_UNANSWERED_MS_MAX);
    if (this.#isRunning && stream !== undefined) {
      await new Promise<void>((resolve) => {
        const timer = this.#ports.clock.schedule(timeoutMs, resolve, "keep-alive");
        this.#onLeft = () => {
          timer.cancel();
          resolve();
        };
        stream.send({ leave: {} });
      });
    }
    this.detach();
  }

  /** Ends the stream without leaving: the session goes on for its timeout. */
  detach(): void {
    this.#isRunning = false;
    this.#dropStream();
    this.#retryTimer?.cancel();
    this.#sessionTimer?.cancel();
  }

  async #connect(): Promise<void> {
    if (this.#sessionEndsMs !== undefined && this.#ports.clock.monotonicMs() >= this.#sessionEndsMs) {
      this.#loseSession(this.#timeIsOver());
    }
    const attempt = ++this.#attempt;
    const isCurrent = () => attempt === this.#attempt && this.#isRunning;
    let stream: MembershipStream;
    try {
      stream = await this.#ports.open({
        changed: (change) => isCurrent() && this.#changed(change),
        ended: (error) => isCurrent() && this.#ended(error),
      });
    } catch (thrown) {
      if (isCurrent()) this.#ended(MillraceError.from(thrown));
      return;
    }
    if (!isCurrent()) {
      stream.cancel();
      return;
    }
    this.#stream = stream;
    const { memberId, memberEpoch } = this.identity;
    const owned = memberEpoch === 0 ? [] : this.#ports.owned();
    stream.send(
      joinCommand(this.#settings, { memberId, memberEpoch, owned, subscription: this.#ports.subscription() }),
    );
    this.#awaitAnswer();
    if (this.#ports.paused().length > 0) this.tellPaused();
  }

  #awaitAnswer(): void {
    const { clock } = this.#ports;
    this.#troubleSinceMs ??= clock.monotonicMs();
    const endMs = this.#troubleSinceMs + this.#settings.retryTimeoutMs;
    const waitMs = Math.min(ANSWER_MS_MAX, Math.max(ANSWER_MS_MIN, endMs - clock.monotonicMs()));
    this.#answerTimer = clock.schedule(waitMs, () => {
      this.#dropStream();
      this.#ended(this.#notAnswered(waitMs));
    });
  }

  #answered(): void {
    this.#answerTimer?.cancel();
    this.#answerTimer = undefined;
  }

  #changed(change: MemberChange): void {
    this.#answered();
    this.#troubleSinceMs = undefined;
    this.#sessionEndsMs = undefined;
    this.#sessionTimer?.cancel();
    this.#backoff.reset();
    this.#memberEpoch = change.memberEpoch;
    this.#ports.changed(change);
  }

  #ended(error: MillraceError): void {
    this.#answered();
    this.#stream = undefined;
    if (this.#onLeft !== undefined) {
      this.#onLeft();
      return;
    }
    const now = this.#ports.clock.monotonicMs();
    this.#troubleSinceMs ??= now;
    const isTooLong = now - this.#troubleSinceMs >= this.#settings.retryTimeoutMs;
    if (error.retry === "never" || isTooLong) {
      this.#fail(error);
      return;
    }
    if (error.retry === "rejoin") this.#loseSession(error);
    else this.#broken();
    this.#connectLater(error);
  }

  /** The session timeout begins, if there is a session and it has not begun. */
  #broken(): void {
    if (this.#memberEpoch === 0 || this.#sessionEndsMs !== undefined) return;
    const { sessionTimeoutMs } = this.#settings;
    this.#sessionEndsMs = this.#ports.clock.monotonicMs() + sessionTimeoutMs;
    this.#sessionTimer = this.#ports.clock.schedule(sessionTimeoutMs, () => this.#onSessionTimeout());
  }

  #onSessionTimeout(): void {
    this.#dropStream();
    this.#retryTimer?.cancel();
    this.#loseSession(this.#timeIsOver());
    void this.#connect();
  }

  #loseSession(why: MillraceError): void {
    this.#sessionTimer?.cancel();
    this.#sessionEndsMs = undefined;
    if (this.#memberEpoch === 0) return;
    this.#memberEpoch = 0;
    this.#session++;
    this.#ports.lost(why);
  }

  #connectLater(error: MillraceError): void {
    this.#ports.retrying(error);
    this.#retryTimer?.cancel();
    const again = () => void this.#connect();
    this.#retryTimer = this.#ports.clock.schedule(this.#backoff.next(error), again, "keep-alive");
  }

  #fail(error: MillraceError): void {
    this.detach();
    this.#troubleSinceMs = undefined;
    this.#loseSession(error);
    this.#ports.failed(error);
  }

  #dropStream(): void {
    this.#answered();
    this.#attempt++;
    this.#stream?.cancel();
    this.#stream = undefined;
  }

  #send(command: MemberCommand): void {
    this.#stream?.send(command);
  }

  #notAnswered(waitedMs: number): MillraceError {
    const { group } = this.#settings;
    const text = `the coordinator of group "${group}" has not answered the join within ${Math.round(waitedMs)} ms: it may be unable to store the group, its log says more`;
    return new MillraceError("DEADLINE_EXCEEDED", text, { details: { group } });
  }

  #timeIsOver(): MillraceError {
    const { group, sessionTimeoutMs } = this.#settings;
    const text = `the coordinator of group "${group}" could not be reached for the session timeout of ${sessionTimeoutMs} ms: the partitions count as others' (sessionTimeoutMs says how long to hold them)`;
    return new MillraceError("UNKNOWN_MEMBER", text, { details: { group } });
  }
}
