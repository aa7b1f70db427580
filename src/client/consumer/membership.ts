import type { Clock, Random, Timer } from "../../base/index.ts";
import { MillraceError } from "../../errors/index.ts";
import type { TopicPartition } from "../api/places.ts";
import { Backoff } from "../backoff.ts";
import type {
  MemberChange,
  MemberCommand,
  MembershipStream,
  MembershipStreamListener,
} from "./membership-stream.ts";

/** How to be a member. */
export interface MembershipSettings {
  readonly group: string;
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly assignor: "uniform" | "range" | undefined;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly retryTimeoutMs: number;
}

/** What a member wants to read. */
export interface MemberSubscription {
  readonly topics: readonly string[];
  readonly topicPattern: string;
}

/** What a membership needs, and who hears of it. */
export interface MembershipPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Opens a stream to the broker that coordinates the group now. */
  open(listener: MembershipStreamListener): Promise<MembershipStream>;
  /** What the member wants to read now. */
  subscription(): MemberSubscription;
  /** Partitions that it has not given up. */
  owned(): readonly TopicPartition[];
  /** Those of them that it has paused. */
  paused(): readonly TopicPartition[];
  changed(change: MemberChange): void;
  /** The session is over, and all partitions with it; it joins anew by itself. */
  lost(why: MillraceError): void;
  /** The membership has ended for good, all partitions with it; `start` begins another. */
  failed(error: MillraceError): void;
  /** The stream broke and will be opened again. */
  retrying(error: MillraceError): void;
}

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
  /** Since when no stream has been answered, while that is so. */
  #troubleSinceMs: number | undefined;
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
    this.#send({ release: { partitions: partitions.map(plain) } });
  }

  /** Says what the member wants to read now. */
  subscribe(): void {
    this.#send({ subscribe: subscriptionMessage(this.#ports.subscription()) });
  }

  /** Says what the member has paused now. */
  tellPaused(): void {
    this.#send({ status: { paused: this.#ports.paused().map(plain) } });
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

  /** Leaves the group; resolves when the coordinator has taken note, or after `timeoutMs`. */
  async leave(timeoutMs: number): Promise<void> {
    const stream = this.#stream;
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
    stream.send(this.#join());
    if (this.#ports.paused().length > 0) this.tellPaused();
  }

  #join(): MemberCommand {
    const { group, instanceId, clientId, assignor, sessionTimeoutMs, rebalanceTimeoutMs } = this.#settings;
    return {
      join: {
        group,
        memberId: this.memberId,
        memberEpoch: this.#memberEpoch,
        owned: this.#memberEpoch === 0 ? [] : this.#ports.owned().map(plain),
        instanceId: instanceId ?? "",
        clientId,
        subscription: subscriptionMessage(this.#ports.subscription()),
        assignor: assignor ?? "",
        sessionTimeoutMs,
        rebalanceTimeoutMs,
      },
    };
  }

  #changed(change: MemberChange): void {
    this.#troubleSinceMs = undefined;
    this.#sessionEndsMs = undefined;
    this.#sessionTimer?.cancel();
    this.#backoff.reset();
    this.#memberEpoch = change.memberEpoch;
    this.#ports.changed(change);
  }

  #ended(error: MillraceError): void {
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
    this.#attempt++;
    this.#stream?.cancel();
    this.#stream = undefined;
  }

  #send(command: MemberCommand): void {
    this.#stream?.send(command);
  }

  #timeIsOver(): MillraceError {
    const { group, sessionTimeoutMs } = this.#settings;
    const text = `the coordinator of group "${group}" could not be reached for the session timeout of ${sessionTimeoutMs} ms: the partitions count as others' (sessionTimeoutMs says how long to hold them)`;
    return new MillraceError("UNKNOWN_MEMBER", text, { details: { group } });
  }
}

function subscriptionMessage({ topics, topicPattern }: MemberSubscription) {
  return { topics: [...topics], topicPattern };
}

function plain({ topic, partition }: TopicPartition) {
  return { topic, partition };
}
