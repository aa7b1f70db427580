import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { MillraceError } from "../../errors/index.ts";
import type { millrace } from "../../gen/millrace.js";
import { partitionCommit } from "../admin/group-descriptions.ts";
import type { PartitionCommit } from "../api/group-admin.ts";
import type { TopicPartition } from "../api/places.ts";
import type { BrokerConnection } from "../transport/broker-connection.ts";
import { streamEnded } from "../transport/call-failure.ts";
import { groupService } from "../transport/services.ts";

/** A command of a member. */
export type MemberCommand = millrace.v1.JoinGroupRequest.$Shape;

/** What changes for a member. */
export interface MemberChange {
  readonly memberEpoch: number;
  /** Partitions that it may read beside those it has. */
  readonly assigned: readonly PartitionCommit[];
  /** Partitions that it has to give up. */
  readonly revoked: readonly TopicPartition[];
}

/** Hears what the coordinator says. */
export interface MembershipStreamListener {
  changed(change: MemberChange): void;
  /** The stream is over; told once, last. */
  ended(error: MillraceError): void;
}

/** A stream of a member to its coordinator. */
export interface MembershipStream {
  send(command: MemberCommand): void;
  /** Breaks it off without a word; the listener hears nothing more. */
  cancel(): void;
}

/** One JoinGroup stream. */
export class JoinGroupStream implements MembershipStream {
  readonly #call: ClientDuplexStream<MemberCommand, millrace.v1.JoinGroupResponse>;
  #listener: MembershipStreamListener | undefined;

  constructor(connection: BrokerConnection, listener: MembershipStreamListener) {
    this.#listener = listener;
    this.#call = connection.openStream(groupService.joinGroup, "control");
    this.#call.on("data", (response: millrace.v1.JoinGroupResponse) => {
      const { memberEpoch, assigned, revoked } = response;
      this.#listener?.changed({
        memberEpoch,
        assigned: assigned.map(partitionCommit),
        revoked: revoked.map(partitionCommit),
      });
    });
    this.#call.on("error", (failure: ServiceError) => this.#end(connection.explain(failure)));
    this.#call.on("end", () => this.#end(streamEnded(connection.endpoint)));
  }

  send(command: MemberCommand): void {
    if (this.#listener !== undefined) this.#call.write(command);
  }

  cancel(): void {
    this.#listener = undefined;
    this.#call.cancel();
  }

  #end(error: MillraceError): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.ended(error);
  }
}
