import type { Clock } from "../../base/index.ts";
import type { TopicMetadata } from "./topic-metadata.ts";

/** Age after which metadata is asked for again. */
const AGE_MS_MAX = 300_000;
/** Topics remembered; the ones unused for longest are forgotten first. */
const TOPICS_MAX = 10_000;

interface Known {
  readonly metadata: TopicMetadata;
  readonly fetchedMs: number;
}

/** Remembers the metadata of topics. Concurrent questions about one topic share one call. */
export class MetadataCache {
  readonly #fetch: (topic: string) => Promise<TopicMetadata>;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<TopicMetadata>>();

  constructor(fetch: (topic: string) => Promise<TopicMetadata>, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** What is known now, without a call. */
  peek(topic: string): TopicMetadata | undefined {
    return this.#known.get(topic)?.metadata;
  }

  /** Whether it should be asked again soon: nothing else would tell of added partitions. */
  isOld(topic: string): boolean {
    const known = this.#known.get(topic);
    return known === undefined || this.#clock.monotonicMs() - known.fetchedMs > AGE_MS_MAX;
  }

  /** What is known and not old, or a call's answer. Throws what the call throws; failures are not remembered. */
  async get(topic: string): Promise<TopicMetadata> {
    const metadata = this.peek(topic);
    return metadata === undefined || this.isOld(topic) ? this.refresh(topic) : metadata;
  }

  /** Asks again, whatever is known; joins a question under way. */
  refresh(topic: string): Promise<TopicMetadata> {
    let asked = this.#asked.get(topic);
    if (asked === undefined) {
      asked = this.#ask(topic).finally(() => this.#asked.delete(topic));
      this.#asked.set(topic, asked);
    }
    return asked;
  }

  /** Makes what is known of a topic old, so that the next `get` asks. */
  age(topic: string): void {
    const known = this.#known.get(topic);
    if (known) this.#known.set(topic, { metadata: known.metadata, fetchedMs: Number.NEGATIVE_INFINITY });
  }

  async #ask(topic: string): Promise<TopicMetadata> {
    const metadata = await this.#fetch(topic);
    this.#known.delete(topic);
    this.#known.set(topic, { metadata, fetchedMs: this.#clock.monotonicMs() });
    if (this.#known.size > TOPICS_MAX) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return metadata;
  }
}
