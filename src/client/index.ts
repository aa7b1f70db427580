/** The SDK: what a program needs to administer topics, to produce and to read. */
export * from "./api/admin.ts";
export * from "./api/client.ts";
export * from "./api/group-admin.ts";
export * from "./api/group-consumer.ts";
export * from "./api/places.ts";
export * from "./api/producer.ts";
export * from "./api/reader.ts";
export * from "./api/streams.ts";
export { connect } from "./connect.ts";
export { eventOfRecord } from "./streams/event-of-record.ts";
