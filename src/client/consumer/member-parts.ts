import type { MillraceError } from "../../errors/index.ts";
import type { OffsetToCommit } from "../api/group-admin.ts";
import type { StartPosition } from "../api/places.ts";
import type { CaughtUp } from "../api/reader.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { partitionKey } from "../reader/assigned-state.ts";
import { PartitionReader } from "../reader/partition-reader.ts";
import { AheadCommits } from "./ahead-commits.ts";
import { Committer } from "./committer.ts";
import type { ConsumerSettings } from "./consumer-settings.ts";
import { CoordinatorLink } from "./coordinator-link.ts";
import { Handout } from "./handout.ts";
import { Membership } from "./membership.ts";
import type { MemberSubscription } from "./membership-ports.ts";
import { JoinGroupStream } from "./membership-stream.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import { PartitionStarter } from "./partition-starter.ts";
import { Rebalancer } from "./rebalancer.ts";
import { SecondTries } from "./second-tries.ts";

/** The parts of a group consumer, and who of them tells whom. */
export class MemberParts {
  readonly owned: ReadonlyMap<string, OwnedPartition>;
  readonly reader: PartitionReader;
  readonly handout: Handout;
  readonly membership: Membership;
  readonly committer: Committer;
  readonly ahead: AheadCommits;
  readonly rebalancer: Rebalancer;
  readonly #settings: ConsumerSettings;
  readonly #starter: PartitionStarter;
  readonly #secondTries: SecondTries;
  #subscription: MemberSubscription;

  constructor(cluster: Cluster, settings: ConsumerSettings) {
    const owned = new Map<string, OwnedPartition>();
    this.owned = owned;
    this.#settings = settings;
    this.#subscription = settings.subscription;
    this.reader = this.#newReader(cluster);
    const { reader } = this;
    const coordinator = new CoordinatorLink(cluster, settings.membership.group);
    this.handout = new Handout({
      reader,
      owned,
      isAtMostOnce: settings.isAtMostOnce,
      wanted: () => this.#wanted(),
      again: () => this.#secondTries.begin(),
      vanished: (error) => {
        this.#tell(() => settings.hooks.onRetry?.(error));
        this.handout.tryAgain();
      },
    });
    this.membership = new Membership(settings.membership, {
      clock: cluster.clock,
      random: cluster.random,
      open: async (listener) => new JoinGroupStream(await coordinator.find(), listener),
      subscription: () => this.#subscription,
      owned: () => [...owned.values()],
      paused: () => [...owned.values()].filter(({ isPaused }) => isPaused),
      changed: (change) => this.rebalancer.changed(change),
      lost: (why) => this.rebalancer.loseAll(why),
      failed: (error) => this.#membershipFailed(error),
      retrying: (error) => this.#tell(() => settings.hooks.onRetry?.(error)),
    });
    const { membership } = this;
    this.committer = new Committer(settings, {
      cluster,
      coordinator,
      membership,
      owned,
      lose: (owners, why) => this.#lose(owners, why),
      report: (offsets, error) => this.#report(offsets, error),
      failed: (error) => this.handout.fail(error),
      retrying: (error) => this.#tell(() => settings.hooks.onRetry?.(error)),
    });
    const { committer } = this;
    this.ahead = new AheadCommits(settings, committer);
    this.#starter = new PartitionStarter(settings, {
      cluster,
      reader,
      started: (owner) => this.#started(owner),
      gap: (gap) => settings.hooks.onReset?.(gap),
      failed: (thrown) => this.handout.fail(thrown),
      retrying: (error) => this.#tell(() => settings.hooks.onRetry?.(error)),
    });
    this.#secondTries = new SecondTries(settings, {
      clock: cluster.clock,
      reader,
      owned,
      starter: this.#starter,
      due: () => this.handout.tryAgain(),
    });
    this.rebalancer = new Rebalancer(settings, owned, {
      cluster,
      reader,
      starter: this.#starter,
      committer,
      membership,
      failed: (thrown) => this.handout.fail(thrown),
      moved: () => this.handout.wake(),
    });
  }

  /** Reads other topics from now on. */
  subscribe(subscription: MemberSubscription): void {
    this.#subscription = subscription;
    this.membership.subscribe();
  }

  /** Moves a partition, or says where it is to begin. */
  async seek(owner: OwnedPartition, to: StartPosition): Promise<void> {
    if (owner.phase === "starting") {
      owner.sought = to;
      if (owner.isReady) await this.#starter.start([owner]);
      return;
    }
    await this.#starter.move(owner, to);
  }

  #newReader(cluster: Cluster): PartitionReader {
    const { reading, onGap, hooks } = this.#settings;
    const settings = {
      ...reading,
      onOutOfRange: onGap === "fail" ? ("error" as const) : onGap,
      onReset: (reset: Parameters<Rebalancer["reset"]>[0]) => this.rebalancer.reset(reset),
      onCaughtUp: (caughtUp: CaughtUp) => this.#caughtUp(caughtUp),
      onRetry: (error: MillraceError) => this.#tell(() => hooks.onRetry?.(error)),
    };
    return new PartitionReader(cluster, settings, () => {});
  }

  #wanted(): void {
    this.membership.start();
    this.committer.start();
  }

  #started(owner: OwnedPartition): void {
    if (owner.isPaused) this.reader.pause([owner]);
    this.committer.commitStart(owner);
  }

  #caughtUp(caughtUp: CaughtUp): void {
    const { topic, partition } = caughtUp;
    const owner = this.owned.get(partitionKey(topic, partition));
    const position = this.reader.position(topic, partition);
    if (owner?.phase === "reading" && position !== undefined) owner.passedTo(position);
    this.#settings.hooks.onCaughtUp?.(caughtUp);
  }

  /** The coordinator knows better: what it was not asked for is asked for anew. */
  #lose(owners: readonly OwnedPartition[], why: MillraceError): void {
    this.rebalancer.lose(owners, why);
    this.membership.rejoin();
  }

  #membershipFailed(error: MillraceError): void {
    if (error.reason === "MEMBER_FENCED") this.handout.failForGood(error);
    else this.handout.fail(error);
  }

  #report(offsets: readonly OffsetToCommit[], error: MillraceError | undefined): void {
    this.#tell(() => this.#settings.hooks.onCommit?.({ offsets, error }));
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.handout.fail(thrown);
    }
  }
}
