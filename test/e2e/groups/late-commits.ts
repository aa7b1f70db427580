import { systemClock } from "../../../src/base/index.ts";
import { MillraceError } from "../../../src/errors/index.ts";
import { BrokerConnection } from "../../../src/client/transport/broker-connection.ts";
import { groupService } from "../../../src/client/transport/services.ts";
import { messageToError } from "../../../src/wire/index.ts";
import { partitionOf, type MemberOptions } from "./member-options.ts";
import type { KnownTenure, MemberRecorder } from "./member-recorder.ts";

const TIMEOUT_MS = 5_000;

/**
 * Commits with the identity that a member had, whatever its client has learned since: what a request does that was held
 * up on its way.
 */
export class LateCommits {
  readonly #connection: BrokerConnection;
  readonly #recorder: MemberRecorder;
  readonly #group: string;
  readonly #underWay = new Set<Promise<void>>();

  constructor({ endpoint, group, member }: MemberOptions, recorder: MemberRecorder) {
    const options = { clientId: `${member}-late`, timeoutMs: TIMEOUT_MS, clock: systemClock };
    this.#connection = new BrokerConnection(endpoint, "given", options);
    this.#recorder = recorder;
    this.#group = group;
  }

  /** Commits all that was delivered in these tenures, without waiting for the outcome. */
  send(tenures: Iterable<KnownTenure>): void {
    for (const known of [...tenures]) {
      const sending = this.#commit(known).finally(() => this.#underWay.delete(sending));
      this.#underWay.add(sending);
    }
  }

  /** Waits for the outcomes. */
  async close(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#connection.close();
  }

  async #commit({ partition, tenure, memberId, epoch }: KnownTenure): Promise<void> {
    const { deliveredEnd: offset } = tenure;
    const commit = this.#recorder.commitSent(partition, offset, { epoch, once: true });
    try {
      const { results } = await this.#connection.call(groupService.commitOffsets, {
        group: this.#group,
        memberId,
        memberEpoch: epoch,
        offsets: [{ ...partitionOf(partition), offset }],
      });
      const [result] = results;
      if (result?.error) throw messageToError(result.error);
      this.#recorder.committed(partition, commit, Number(result!.offset));
    } catch (error) {
      this.#recorder.notCommitted(partition, commit, MillraceError.from(error));
    }
  }
}
