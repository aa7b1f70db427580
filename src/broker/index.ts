export { Broker, type BrokerOptions } from "./broker.ts";
export { TOPIC_CONFIGS, type TopicConfigName } from "./topic-config.ts";
export * from "./types.ts";
