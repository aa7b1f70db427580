/** A topic is not as the caller knows it: someone was faster. Nothing was changed. */
export class TopicConflictError extends Error {
  override readonly name = "TopicConflictError";
  readonly topic: string;

  constructor(topic: string, expected: string, actual: string) {
    super(`topic "${topic}" was to be ${expected}, but it is ${actual}; load it again`);
    this.topic = topic;
  }
}
