import { describe, expect, it } from "vitest";
import { type FileHandle, type FileSystem, MemoryFileSystem, type OpenMode } from "../../src/fs/index.ts";
import { settled } from "../support/turns.ts";
import { batchOf, readAll } from "./batches.ts";
import { LogRig, logName } from "./log-rig.ts";

/** A disk that writes a few bytes at a time, or none at all, and calls neither an error. */
class StingyFileSystem extends MemoryFileSystem implements FileSystem {
  bytesMax = Number.POSITIVE_INFINITY;

  override async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    const write = handle.write.bind(handle);
    handle.write = async (buffers, position) => {
      if (this.bytesMax === 0) return 0;
      return write([buffers[0]!.subarray(0, this.bytesMax)], position);
    };
    return handle;
  }
}

/** Leaves a log with a tail to cut behind two batches, of which a copy is kept. */
async function crashedRig() {
  const fs = new StingyFileSystem();
  const rig = new LogRig({ fs, config: { indexIntervalBytes: 0 } });
  const log = await rig.open();
  for (const value of ["a", "b", "c"]) await log.append(batchOf([value]), "durable");
  await log.close();
  const content = await rig.bytes(logName(0));
  content[content.length / 3 + 65]! ^= 1;
  await rig.replace(logName(0), content);
  return { fs, rig };
}

describe("a disk that writes less than it is given", () => {
  it("is given the rest, by recovery, checkpoints and indexes too", async () => {
    const { fs, rig } = await crashedRig();
    fs.bytesMax = 7;
    const log = await rig.open();
    await log.append(batchOf(["d"]), "durable");
    expect((await readAll(log)).map(({ value }) => value)).toEqual(["a", "d"]);
    await log.close();
    const again = await rig.open({ isClean: true });
    expect((await readAll(again)).map(({ value }) => value)).toEqual(["a", "d"]);
  });

  it("and never goes on is full, and nobody waits for it for ever", async () => {
    const { fs, rig } = await crashedRig();
    fs.bytesMax = 0;
    await expect(settled(rig.open(), "open")).rejects.toMatchObject({ code: "ENOSPC" });
  });
});
