import { beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/base/index.ts";
import {
  type Fault,
  FaultPlan,
  FaultyFileSystem,
  isOutOfSpace,
  MemoryFileSystem,
  PowerLossError,
} from "../../src/fs/index.ts";

let disk: MemoryFileSystem;
let faults: FaultPlan;
let fs: FaultyFileSystem;

beforeEach(() => {
  disk = new MemoryFileSystem({ crashModel: true });
  faults = new FaultPlan();
  fs = new FaultyFileSystem(disk, faults);
});

const any = () => true;
const content = async (path = "/a") => (await disk.readFile(path, 1_000)).toString();
const hello = [Buffer.from("hel"), Buffer.from("lo")];

describe("a fault plan", () => {
  it("records every operation with its number", async () => {
    await fs.makeDirectory("/f");
    const file = await fs.open("/f/a", "create");
    await file.write(hello, 0);
    await file.datasync();
    await file.read(Buffer.alloc(1), 0, 1, 0);
    await file.truncate(2);
    await file.size();
    await file.close();
    await fs.rename("/f/a", "/f/b");
    await fs.syncDirectory("/f");
    await fs.list("/f");
    await fs.readFile("/f/b", 9);
    await fs.fileSize("/f/b");
    await fs.remove("/f");
    expect(faults.operations.map(({ name }) => name).join(" ")).toBe(
      "makeDirectory open write datasync read truncate stat rename syncDirectory list read stat remove",
    );
    expect(faults.operations[2]).toEqual({ name: "write", path: "/f/a", bytes: 5 });
  });

  it("fails the operation with the number and no other", async () => {
    faults.at(1, { action: "fail", code: "EMFILE" });
    await fs.open("/a", "create");
    const error = await fs.open("/b", "create").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "EMFILE", operation: "open", path: "/b" });
    await fs.open("/c", "create");
    expect((await disk.list("/")).map(({ name }) => name)).toEqual(["a", "c"]);
  });

  it("fails an operation after it did its work", async () => {
    await fs.open("/a", "create");
    faults.when("rename", any, { action: "fail", code: "EIO", effect: "after" });
    await expect(fs.rename("/a", "/b")).rejects.toMatchObject({ code: "EIO" });
    expect(await disk.fileSize("/b")).toBe(0);
  });

  it("fails operations by name and path, so many times, until it is healed", async () => {
    faults.when(["open", "list"], (path) => path.endsWith(".log"), { action: "fail", code: "EIO" }, 2);
    await expect(fs.open("/a.log", "create")).rejects.toMatchObject({ code: "EIO" });
    await fs.open("/a.index", "create");
    await expect(fs.list("/a.log")).rejects.toMatchObject({ code: "EIO" });
    await fs.open("/a.log", "create");
    faults.when("remove", any, { action: "fail", code: "EIO" });
    await expect(fs.remove("/a.log")).rejects.toMatchObject({ code: "EIO" });
    faults.heal();
    await fs.remove("/a.log");
  });

  it("makes a write short", async () => {
    faults.at(1, { action: "short", bytes: 4 });
    const file = await fs.open("/a", "create");
    expect(await file.write(hello, 0)).toBe(4);
    expect(await content()).toBe("hell");
  });

  it("tears a write", async () => {
    faults.at(1, { action: "tear", bytes: 2, code: "EIO" });
    const file = await fs.open("/a", "create");
    await expect(file.write(hello, 0)).rejects.toMatchObject({ code: "EIO" });
    expect(await content()).toBe("he");
  });

  it("makes an operation wait, and then fail", async () => {
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    faults.when("datasync", any, { action: "wait", until, next: { action: "fail", code: "EIO" } });
    const file = await fs.open("/a", "create");
    let isDone = false;
    const syncing = file.datasync().finally(() => {
      isDone = true;
    });
    await file.write(hello, 0);
    expect(isDone).toBe(false);
    release();
    await expect(syncing).rejects.toMatchObject({ code: "EIO" });
  });
});

describe("a full disk", () => {
  it("takes a write in part, refuses the next, and goes on when there is space", async () => {
    faults.writableBytes = 4;
    const file = await fs.open("/a", "create");
    expect(await file.write(hello, 0)).toBe(4);
    const error = await file.write(hello, 4).catch((thrown: unknown) => thrown);
    expect(isOutOfSpace(error)).toBe(true);
    faults.writableBytes = 100;
    expect(await file.write(hello, 4)).toBe(5);
    expect(await content()).toBe("hellhello");
  });
});

describe("a lost power", () => {
  const cases: [title: string, fault: Fault, left: string][] = [
    ["before a write leaves nothing of it", { action: "lose-power" }, ""],
    ["after a write leaves all of it", { action: "lose-power", effect: "after" }, "hello"],
    ["in a write leaves a part of it", { action: "lose-power", bytes: 3 }, "hel"],
  ];
  it.each(cases)("%s", async (_, fault, left) => {
    faults.at(1, fault);
    const file = await fs.open("/a", "create");
    await expect(file.write(hello, 0)).rejects.toThrow(PowerLossError);
    expect(await content()).toBe(left);
  });

  it("fails everything from then on but close", async () => {
    const file = await fs.open("/a", "create");
    faults.losePower();
    await expect(file.write(hello, 0)).rejects.toThrow(PowerLossError);
    await expect(file.size()).rejects.toThrow(PowerLossError);
    await expect(fs.open("/b", "create")).rejects.toThrow(PowerLossError);
    faults.heal();
    await expect(fs.list("/")).rejects.toThrow(PowerLossError);
    await file.close();
    expect(faults.hasPower).toBe(false);
    expect(await disk.list("/")).toHaveLength(1);
  });

  it("reaches operations that wait or are under way", async () => {
    const file = await fs.open("/a", "create");
    const until = Promise.resolve().then(() => faults.losePower());
    faults.when("write", any, { action: "wait", until });
    await expect(file.write(hello, 0)).rejects.toThrow(PowerLossError);
    expect(await content()).toBe("");
  });
});

describe("a failed sync", () => {
  it("loses what was not synced, whatever later syncs say", async () => {
    const file = await fs.open("/a", "create");
    await fs.syncDirectory("/");
    await file.write(hello, 0);
    faults.when("datasync", any, { action: "fail", code: "EIO" }, 1);
    await expect(file.datasync()).rejects.toMatchObject({ code: "EIO" });
    await file.datasync();
    expect(await content()).toBe("hello");
    const after = disk.crash(seededRandom(1), { unsynced: "lost" });
    expect(await after.fileSize("/a")).toBe(0);
  });

  it("of a folder loses its unsynced names likewise", async () => {
    await fs.open("/a", "create");
    faults.when("syncDirectory", any, { action: "fail", code: "EIO" }, 1);
    await expect(fs.syncDirectory("/")).rejects.toMatchObject({ code: "EIO" });
    await fs.syncDirectory("/");
    const after = disk.crash(seededRandom(1), { unsynced: "lost" });
    expect(await after.list("/")).toEqual([]);
  });
});
