import { describe, expect, it } from "vitest";
import { StreamRig } from "./stream-rig.ts";

const EVENT_BYTES = 500_000;
const COUNT = 24;

/** A stream of large events, `apart` records between two of them. */
async function largeEvents(apart: number): Promise<StreamRig> {
  const rig = await StreamRig.open({ config: { segmentBytes: 2_000_000_000 } });
  for (let i = 0; i < COUNT; i++) {
    await rig.append("a", ["x".repeat(EVENT_BYTES)]);
    if (apart > 0) await rig.produce(Array.from({ length: apart }, () => ({ key: null, value: "y" })));
  }
  return rig;
}

describe("a read of large events", () => {
  it.each([
    ["forwards", 0],
    ["forwards", 40],
    ["backwards", 0],
    ["backwards", 40],
  ] as const)("%s with %i records between two reads each about once", async (direction, apart) => {
    const rig = await largeEvents(apart);
    const read = rig.log.read.bind(rig.log);
    let bytes = 0;
    rig.log.read = async (offset, maxBytes) => {
      const result = await read(offset, maxBytes);
      bytes += result.bytes;
      return result;
    };
    const reading = await rig.reading("a", { direction });
    let count = 0;
    for (let page = await reading.next(); page !== undefined; page = await reading.next()) {
      count += page.length;
      expect(page.length).toBeLessThan(3);
    }
    expect(count).toBe(COUNT);
    expect(bytes).toBeLessThan(2 * COUNT * EVENT_BYTES);
    await rig.close();
  });
});
