import type { millrace } from "../../src/gen/millrace.js";
import { group, type TestClient, type TestStream } from "./harness.ts";

type Command = millrace.v1.ConsumeRequest.$Properties;

/** A record that was delivered. */
export interface Consumed {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/**
 * A consumer as a user would write it: works on what it gets, commits that, gives up what is revoked, and knows which
 * partitions it has. Fails if it gets something of a partition that it does not have.
 */
export class ThinConsumer {
  readonly records: Consumed[] = [];
  readonly partitions = new Set<string>();
  readonly gaps: millrace.v1.ConsumeGap.$Properties[] = [];
  readonly failures: millrace.v1.PartitionFailure.$Properties[] = [];
  memberId = "";
  memberEpoch = 0;
  /** Why it cannot be trusted: what it met that must not be. */
  readonly faults: string[] = [];
  /** Settles when the stream has ended. */
  readonly ended: Promise<void>;
  readonly stream: TestStream<Command, millrace.v1.ConsumeResponse & millrace.v1.ConsumeResponse.$Shape>;
  readonly #positions = new Map<string, number>();

  constructor(client: TestClient, join: millrace.v1.ConsumeJoin.$Properties) {
    this.stream = client.stream(group.consume);
    this.stream.send({ join });
    this.stream.send({ credit: { records: 100, bytes: 1e6 } });
    this.ended = this.#run();
  }

  async leave(): Promise<void> {
    this.stream.send({ leave: {} });
    await this.ended;
  }

  async #run(): Promise<void> {
    for (;;) {
      const event = await this.stream.next();
      if (event === undefined) return;
      if (event.assigned != null) this.#assigned(event.assigned);
      else if (event.revoked != null) this.#revoked(event.revoked);
      else if (event.delivery != null) this.#delivered(event.delivery);
      else if (event.gap != null) this.gaps.push(event.gap);
      else if (event.failure != null) this.failures.push(event.failure);
      else if (event.committed != null) this.#committed(event.committed);
    }
  }

  #assigned({ memberId, memberEpoch, partitions }: millrace.v1.ConsumeAssigned.$Properties): void {
    this.memberId = memberId!;
    this.memberEpoch = memberEpoch!;
    for (const { topic, partition, offset } of partitions ?? []) {
      const key = `${topic}-${partition}`;
      if (this.partitions.has(key)) this.faults.push(`${key} came twice`);
      this.partitions.add(key);
      this.#positions.set(key, offset!);
    }
  }

  #revoked({ memberEpoch, partitions }: millrace.v1.ConsumeRevoked.$Properties): void {
    this.memberEpoch = memberEpoch!;
    for (const { topic, partition } of partitions!) this.partitions.delete(`${topic}-${partition}`);
    this.stream.send({ release: { partitions: partitions! } });
  }

  #delivered(delivery: millrace.v1.Delivery.$Properties): void {
    const { topic, partition, records, nextOffset, chargedRecords, chargedBytes } = delivery;
    const key = `${topic}-${partition}`;
    if (!this.partitions.has(key)) this.faults.push(`${key} was delivered and is not assigned`);
    for (const { offset } of records!) {
      const expected = this.#positions.get(key);
      if (offset !== expected) this.faults.push(`${key} went from ${expected} to ${offset}`);
      this.#positions.set(key, offset! + 1);
      this.records.push({ topic: topic!, partition: partition!, offset: offset! });
    }
    this.stream.send({
      commit: { offsets: [{ topic: topic!, partition: partition!, offset: nextOffset! }] },
    });
    this.stream.send({ credit: { records: chargedRecords!, bytes: chargedBytes! } });
  }

  #committed({ results }: millrace.v1.ConsumeCommitted.$Properties): void {
    for (const { error } of results!) if (error != null) this.faults.push(`refused: ${error.message}`);
  }
}
