import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import {
  LevelMetadataStore,
  MemoryMetadataStore,
  type MetadataStore,
  StoreLockedError,
  TopicConflictError,
  type TopicValues,
} from "../../src/metadata/index.ts";

/** Stores that hold the same: `reopened` is what the next process would use. */
interface Subject {
  readonly store: MetadataStore;
  readonly reopened: () => MetadataStore;
  readonly cleanUp: () => Promise<void>;
}

const random = seededRandom(20_261_121);

const SUBJECTS: Readonly<Record<string, () => Promise<Subject>>> = {
  LevelMetadataStore: async () => {
    const folder = await mkdtemp(join(tmpdir(), "millrace-metadata-"));
    const store = () => new LevelMetadataStore({ path: join(folder, "deeper", "metadata"), random });
    return { store: store(), reopened: store, cleanUp: () => rm(folder, { recursive: true }) };
  },
  MemoryMetadataStore: async () => {
    const store = new MemoryMetadataStore(random);
    return { store, reopened: () => store, cleanUp: async () => {} };
  },
};

const topic = (name: string, change: Partial<TopicValues> = {}): TopicValues => ({
  name,
  topicId: random.id(),
  state: "creating",
  partitionCount: 3,
  configs: { "retention.ms": "1000" },
  createdAtMs: 1_795_000_000_000,
  ...change,
});

describe.each(Object.keys(SUBJECTS))("%s", (name) => {
  let subject: Subject;
  let store: MetadataStore;

  beforeEach(async () => {
    subject = await SUBJECTS[name]!();
    store = subject.store;
    await store.open();
  });
  afterEach(async () => {
    await store.close();
    await subject.cleanUp();
  });

  const reopen = async () => {
    await store.close();
    store = subject.reopened();
    await store.open();
  };

  describe("the store", () => {
    it("keeps the cluster id it was created with", async () => {
      const { clusterId } = store;
      expect(clusterId).toMatch(/^[0-9a-f]{32}$/);
      await reopen();
      expect(store.clusterId).toBe(clusterId);
    });

    it("keeps everything when it is closed and opened again", async () => {
      const active = await store.putTopic(topic("a", { state: "active" }), undefined);
      const gone = await store.putTopic(topic("b"), undefined);
      await store.deleteTopic("b", gone.topicId);
      expect([await store.nextBrokerEpoch(), await store.nextBrokerEpoch()]).toEqual([0, 1]);
      expect(await store.allocateProducerIds()).toEqual({ first: 0, count: 1_000 });
      await reopen();
      expect(await store.loadTopics()).toEqual([active]);
      expect(await store.nextBrokerEpoch()).toBe(2);
      expect(await store.allocateProducerIds()).toEqual({ first: 1_000, count: 1_000 });
      const next = await store.putTopic(topic("b"), undefined);
      expect(next.version).toBeGreaterThan(gone.version);
    });

    it("is locked while it is open", async () => {
      await expect(subject.reopened().open()).rejects.toThrow(StoreLockedError);
      await expect(store.open()).rejects.toThrow(StoreLockedError);
      await reopen();
    });

    it("is closed twice without complaint, and used no more", async () => {
      await store.close();
      await store.close();
      await expect(store.loadTopics()).rejects.toThrow(TypeError);
      await expect(store.putTopic(topic("a"), undefined)).rejects.toThrow(TypeError);
      await expect(store.nextBrokerEpoch()).rejects.toThrow(TypeError);
    });
  });

  describe("topics", () => {
    it("come back as they were put, in order of names", async () => {
      for (const name of ["b", "a-b", "a.b", "a_b", "a", "Z", "a".repeat(249)]) {
        await store.putTopic(topic(name), undefined);
      }
      const loaded = await store.loadTopics();
      const names = ["Z", "a", "a-b", "a.b", "a_b", "a".repeat(249), "b"];
      expect(loaded.map(({ name }) => name)).toEqual(names.sort());
      const one = topic("one", { configs: { "cleanup.policy": "compact", ключ: "значение" } });
      const stored = await store.putTopic(one, undefined);
      expect(stored).toEqual({ ...one, version: stored.version });
      expect((await store.loadTopics()).find(({ name }) => name === "one")).toEqual(stored);
    });

    it("are replaced by who knows the version, which grows", async () => {
      const first = await store.putTopic(topic("a"), undefined);
      const second = await store.putTopic({ ...first, state: "active" }, first.version);
      expect(second).toEqual({ ...first, state: "active", version: second.version });
      expect(second.version).toBeGreaterThan(first.version);
      expect(await store.loadTopics()).toEqual([second]);
    });

    it("are not replaced by who knows an old version, or none, or one that is gone", async () => {
      const first = await store.putTopic(topic("a"), undefined);
      const second = await store.putTopic({ ...first, partitionCount: 5 }, first.version);
      for (const replaces of [first.version, undefined, second.version + 1]) {
        const error = await store.putTopic(topic("a"), replaces).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(TopicConflictError);
        expect(error).toMatchObject({ topic: "a" });
      }
      expect(await store.loadTopics()).toEqual([second]);
      await store.deleteTopic("a", first.topicId);
      await expect(store.putTopic(second, second.version)).rejects.toThrow(TopicConflictError);
      expect(await store.loadTopics()).toEqual([]);
    });

    it("never get a version again, also when deleted and created anew", async () => {
      const first = await store.putTopic(topic("a"), undefined);
      await store.deleteTopic("a", first.topicId);
      await store.putTopic(topic("a"), undefined);
      await expect(store.putTopic(first, first.version)).rejects.toThrow(TopicConflictError);
    });

    it("are put by one of many at once", async () => {
      const puts = Array.from({ length: 20 }, () => store.putTopic(topic("a"), undefined));
      const results = await Promise.allSettled(puts);
      const stored = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(stored).toHaveLength(1);
      expect(await store.loadTopics()).toEqual(stored);
    });

    it("are deleted by id only", async () => {
      const { topicId } = await store.putTopic(topic("a"), undefined);
      await expect(store.deleteTopic("a", random.id())).rejects.toThrow(TopicConflictError);
      expect(await store.loadTopics()).toHaveLength(1);
      await store.deleteTopic("a", topicId);
      await store.deleteTopic("a", topicId);
      expect(await store.loadTopics()).toEqual([]);
    });

    it("are not changed by changing what was put or loaded", async () => {
      const configs: Record<string, string> = { "retention.ms": "1" };
      const stored = await store.putTopic(topic("a", { configs }), undefined);
      configs["retention.ms"] = "2";
      const [loaded] = await store.loadTopics();
      (loaded!.configs as Record<string, string>)["retention.ms"] = "3";
      (stored.configs as Record<string, string>)["retention.ms"] = "4";
      expect((await store.loadTopics())[0]?.configs).toEqual({ "retention.ms": "1" });
    });

    it.each([
      ["an empty name", { name: "" }],
      ["an id that is none", { topicId: "1" }],
      ["no partition", { partitionCount: 0 }],
      ["half a partition", { partitionCount: 1.5 }],
      ["an unknown state", { state: "asleep" as "active" }],
      ["a config that is no text", { configs: { "retention.ms": 1 as unknown as string } }],
    ])("are refused with %s", async (_, change) => {
      await expect(store.putTopic(topic("a", change), undefined)).rejects.toThrow(TypeError);
      expect(await store.loadTopics()).toEqual([]);
    });
  });

  describe("numbers", () => {
    it("are given once each, however many ask at once", async () => {
      const epochs = await Promise.all(Array.from({ length: 20 }, () => store.nextBrokerEpoch()));
      expect(epochs.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
      const blocks = await Promise.all(Array.from({ length: 20 }, () => store.allocateProducerIds()));
      const firsts = blocks.map(({ first }) => first).sort((a, b) => a - b);
      expect(firsts).toEqual(Array.from({ length: 20 }, (_, i) => i * 1_000));
    });
  });
});
