import { once } from "node:events";
import { type Client, type ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import type { millrace } from "../../src/gen/millrace.js";
import { groupService } from "../../src/client/transport/services.ts";

/** A member of a group that reads nothing: what a rebalance costs without the readers. */
export class GroupMember {
  readonly memberId: string;
  /** Partitions it has, as "topic-partition". */
  readonly owned = new Set<string>();
  epoch = 0;
  readonly #group: string;
  readonly #client: Client;
  readonly #changed: () => void;
  #stream:
    | ClientDuplexStream<millrace.v1.JoinGroupRequest.$Properties, millrace.v1.JoinGroupResponse>
    | undefined;

  constructor(client: Client, group: string, memberId: string, changed: () => void) {
    this.#client = client;
    this.#group = group;
    this.memberId = memberId;
    this.#changed = changed;
  }

  /** Joins as a new member. A stream that fails ends the process: nothing here expects it. */
  join(topics: readonly string[]): void {
    const { path, requestSerialize, responseDeserialize } = groupService.joinGroup;
    const stream = this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
    );
    this.#stream = stream;
    stream.on("data", (response: millrace.v1.JoinGroupResponse) => this.#hear(response));
    const subscription = { topics: [...topics] };
    stream.write({ join: { group: this.#group, memberId: this.memberId, clientId: "bench", subscription } });
  }

  /** Commits offsets. Throws what the broker refuses. */
  commit(request: millrace.v1.CommitOffsetsRequest.$Properties): Promise<void> {
    const { path, requestSerialize, responseDeserialize } = groupService.commitOffsets;
    return new Promise((resolve, reject) => {
      const answered = (failure: Error | null, response?: millrace.v1.CommitOffsetsResponse) => {
        const refused = response?.results.find(({ error }) => error != null);
        if (failure !== null) reject(failure);
        else if (refused !== undefined) reject(new Error(refused.error?.message ?? "refused"));
        else resolve();
      };
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, answered);
    });
  }

  /** Leaves for good; resolves when the broker has ended the stream. */
  async leave(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    this.owned.clear();
    stream.write({ leave: {} });
    await once(stream, "end");
  }

  #hear({ memberEpoch, assigned, revoked }: millrace.v1.JoinGroupResponse): void {
    this.epoch = memberEpoch;
    for (const { topic, partition } of assigned) this.owned.add(`${topic}-${partition}`);
    for (const { topic, partition } of revoked) this.owned.delete(`${topic}-${partition}`);
    if (revoked.length > 0) this.#stream?.write({ release: { partitions: revoked } });
    this.#changed();
  }
}
