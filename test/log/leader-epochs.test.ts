import { describe, expect, it } from "vitest";
import { batchOf, readAll } from "./batches.ts";
import { LogRig } from "./log-rig.ts";

describe("the leader epochs", () => {
  it("of terms that ended before the batch below the first segment are forgotten when a new one begins", async () => {
    const rig = new LogRig({ config: { segmentBytes: 100 } });
    for (let term = 0; term < 20; term++) {
      const log = await rig.open({ recoveryPoint: term });
      await log.append(batchOf(["x"]), "durable");
      if (term >= 3) await log.trim(term - 2);
      expect((await readAll(log)).length).toBe(term >= 3 ? 3 : term + 1);
      await log.close();
    }
    const rows = (await rig.bytes("leader-epoch-checkpoint")).toString().trimEnd().split("\n");
    expect(rows).toEqual(["0", "5", "15 15", "16 16", "17 17", "18 18", "19 19"]);
  });
});
