import { describe, expect, it } from "vitest";
import { FaultPlan, FaultyFileSystem, MemoryFileSystem } from "../../src/fs/index.ts";
import { closedGate, watch } from "../support/gate.ts";
import { turn } from "../support/turns.ts";
import { StreamRig, summary, TOPIC_ID } from "./stream-rig.ts";

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** A rig whose next write to the log hangs until the gate opens. */
function withSlowWrite() {
  const plan = new FaultPlan();
  const rig = new StreamRig({ fs: new FaultyFileSystem(new MemoryFileSystem(), plan) });
  const gate = closedGate();
  const slowDown = () =>
    plan.when("write", (path) => path.endsWith(".log"), { action: "wait", until: gate.opened }, 1);
  return { rig, gate, slowDown };
}

const values = async (rig: StreamRig) => summary((await rig.read("a")).events);

describe("an index that comes to a log with a write under way", () => {
  it("has the record that was placed before it", async () => {
    const { rig, gate, slowDown } = withSlowWrite();
    rig.log = await rig.logs.open();
    await rig.produce([{ key: "a", value: "0" }]);
    slowDown();
    const slow = watch(rig.produce([{ key: "a", value: "1" }]));
    await turns(3);
    rig.openIndex();
    const late = watch(rig.append("a", ["mine"], { expected: 0 }));
    await turns(20);
    gate.open();
    await turns(20);
    expect(slow.state).toBe("resolved");
    expect(late.value).toMatchObject({ reason: "WRONG_REVISION", details: { actual: "1" } });
    expect(await values(rig)).toEqual(["0:0", "1:1"]);
    await rig.close();
    await rig.open();
    expect(await values(rig)).toEqual(["0:0", "1:1"]);
    await rig.close();
  });

  it("has the event that an index before it had placed", async () => {
    const { rig, gate, slowDown } = withSlowWrite();
    await rig.open();
    await rig.append("a", ["0"], { expected: "none" });
    slowDown();
    const first = watch(rig.append("a", ["1"], { expected: 0 }));
    await turns(3);
    const { log, index } = rig;
    index.forget(log, TOPIC_ID, 0);
    index.follow({
      topic: "orders",
      topicId: TOPIC_ID,
      partition: 0,
      leaderEpoch: rig.logs.leaderEpoch,
      log,
    });
    const second = watch(rig.append("a", ["mine"], { expected: 0 }));
    await turns(20);
    gate.open();
    await turns(20);
    expect(first.value).toMatchObject({ baseOffset: 1, firstRevision: 1 });
    expect(second.value).toMatchObject({ reason: "WRONG_REVISION", details: { actual: "1" } });
    expect(await values(rig)).toEqual(["0:0", "1:1"]);
    await rig.close();
  });
});
