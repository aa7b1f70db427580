import { describe, expect, it } from "vitest";
import { seededRandom, silentLogger } from "../../src/base/index.ts";
import {
  type FileHandle,
  type FileSystem,
  FileSystemError,
  MemoryFileSystem,
  type OpenMode,
} from "../../src/fs/index.ts";
import { FilePool } from "../../src/log/index.ts";
import { closedGate } from "../support/gate.ts";
import { settled, turn } from "../support/turns.ts";
import { batchOf, readAll } from "./batches.ts";
import { LogRig } from "./log-rig.ts";

/** Counts what is really open, and takes its time over it. */
class CountingFileSystem extends MemoryFileSystem implements FileSystem {
  open_ = 0;
  openMax = 0;
  refusal: string | undefined;
  readonly #random = seededRandom(1);

  override async open(path: string, mode: OpenMode): Promise<FileHandle> {
    this.open_++;
    this.openMax = Math.max(this.openMax, this.open_);
    try {
      await this.#pause();
      if (this.refusal !== undefined) throw new FileSystemError(this.refusal, "open", path);
      const handle = await super.open(path, mode);
      const close = handle.close.bind(handle);
      handle.close = async () => {
        await this.#pause();
        await close();
        this.open_--;
      };
      return handle;
    } catch (error) {
      this.open_--;
      throw error;
    }
  }

  async #pause(): Promise<void> {
    for (let i = Math.floor(this.#random.fraction() * 6); i > 0; i--) await Promise.resolve();
  }
}

async function poolOf(openFilesMax: number, count: number) {
  const fs = new CountingFileSystem();
  for (let i = 0; i < count; i++) await (await fs.open(`f${i}`, "create")).close();
  fs.openMax = 0;
  const pool = new FilePool(fs, openFilesMax, silentLogger);
  return { fs, pool, files: Array.from({ length: count }, (_, i) => pool.file(`f${i}`, "read-write")) };
}

describe("a file pool", () => {
  it("opens a file on its first use, once, and leaves it open for the next", async () => {
    const { fs, pool, files } = await poolOf(10, 1);
    expect(pool.openCount).toBe(0);
    const handles = new Set<FileHandle>();
    const use = () => files[0]!.use(async (handle) => void handles.add(handle));
    await Promise.all([use(), use(), use()]);
    await use();
    expect([handles.size, pool.openCount, fs.open_]).toEqual([1, 1, 1]);
    await files[0]!.close();
    expect([pool.openCount, fs.open_]).toEqual([0, 0]);
    await use();
    expect(handles.size).toBe(2);
  });

  it("closes those idle for longest when there are too many", async () => {
    const { fs, pool, files } = await poolOf(3, 5);
    const isOpen = new Set<string>();
    for (const [number, file] of files.entries()) {
      await file.use(async (handle) => {
        isOpen.add(`f${number}`);
        const close = handle.close.bind(handle);
        handle.close = () => {
          isOpen.delete(`f${number}`);
          return close();
        };
      });
      if (number === 2) await files[0]!.use(async () => undefined);
    }
    expect([...isOpen]).toEqual(["f0", "f3", "f4"]);
    expect([pool.openCount, fs.open_]).toEqual([3, 3]);
  });

  it("never has more open than the bound and those in use, whatever the order of uses", async () => {
    const random = seededRandom(2);
    const { fs, pool, files } = await poolOf(4, 12);
    let inUse = 0;
    let inUseMax = 0;
    const uses = Array.from({ length: 600 }, async () => {
      const steps = Math.floor(random.fraction() * 300);
      for (let i = 0; i < steps; i++) await Promise.resolve();
      await files[Math.floor(random.fraction() * 12)]!.use(async (handle) => {
        inUse++;
        inUseMax = Math.max(inUseMax, inUse);
        expect(await handle.size()).toBe(0);
        inUse--;
      });
    });
    await settled(Promise.all(uses), "600 uses");
    expect(inUseMax).toBeGreaterThan(4);
    expect(fs.openMax).toBeLessThanOrEqual(12 + 4);
    expect(fs.open_).toBeLessThanOrEqual(4);
    expect(pool.openCount).toBe(fs.open_);
  });

  it("goes above the bound for files in use, and comes back when they are done", async () => {
    const { fs, files } = await poolOf(2, 6);
    const gate = closedGate();
    const uses = files.map((file) => file.use(() => gate.opened));
    await turn();
    expect(fs.open_).toBe(6);
    gate.open();
    await Promise.all(uses);
    expect(fs.open_).toBeLessThanOrEqual(2);
  });

  it("keeps a pinned file open", async () => {
    const { fs, files } = await poolOf(1, 4);
    let closed = false;
    await files[0]!.use(async (handle) => {
      const close = handle.close.bind(handle);
      handle.close = () => {
        closed = true;
        return close();
      };
      files[0]!.pin();
    });
    for (const file of files.slice(1)) await file.use(async () => undefined);
    expect(closed).toBe(false);
    expect(fs.open_).toBe(1);
    files[0]!.unpin();
    await files[1]!.use(async () => undefined);
    expect(closed).toBe(true);
    expect(() => files[0]!.unpin()).toThrow();
  });

  it("waits with closing until nobody uses the file", async () => {
    const { fs, files } = await poolOf(5, 1);
    const gate = closedGate();
    const use = files[0]!.use(() => gate.opened);
    await turn();
    let closed = false;
    const closing = files[0]!.close().then(() => {
      closed = true;
    });
    await turn();
    expect(closed).toBe(false);
    gate.open();
    await Promise.all([use, closing]);
    expect(fs.open_).toBe(0);
  });

  it("that is retired is used by who has it open, closed by the last and not opened again", async () => {
    const { fs, pool, files } = await poolOf(5, 1);
    const gate = closedGate();
    const use = files[0]!.use(() => gate.opened);
    await turn();
    const retiring = files[0]!.retire();
    const late = () => files[0]!.use(async () => undefined);
    await expect(late()).rejects.toMatchObject({ code: "ENOENT" });
    await retiring;
    expect(fs.open_).toBe(1);
    gate.open();
    await use;
    await turn();
    await expect(late()).rejects.toMatchObject({ code: "ENOENT" });
    expect([pool.openCount, fs.open_]).toEqual([0, 0]);
  });

  it("that is retired while it is opened is open before its name may go to another", async () => {
    const { fs, files } = await poolOf(5, 1);
    const name = async (handle: FileHandle) => {
      const byte = Buffer.alloc(1);
      await handle.read(byte, 0, 1, 0);
      return String(byte);
    };
    for (const text of ["o", "n"]) {
      const file = await fs.open(text === "o" ? "f0" : "new", "read-write-or-create");
      await file.write([Buffer.from(text)], 0);
      await file.close();
    }
    const reading = files[0]!.use(name);
    await files[0]!.retire();
    await fs.rename("new", "f0");
    expect(await reading).toBe("o");
  });

  it("keeps a file open while it is renamed, and opens it by its new name afterwards", async () => {
    const { fs, files } = await poolOf(5, 1);
    const gate = closedGate();
    const renaming = files[0]!.rename("g0", async () => {
      await fs.rename("f0", "g0");
      await gate.opened;
    });
    await turn();
    await files[0]!.use(async () => undefined);
    gate.open();
    await renaming;
    await files[0]!.close();
    await files[0]!.use(async () => undefined);
    expect([files[0]!.path, fs.openMax]).toEqual(["g0", 1]);
  });

  it("that closes badly to make room does not keep another from being used", async () => {
    const { pool, files } = await poolOf(1, 2);
    await files[0]!.use(async (handle) => {
      const close = handle.close.bind(handle);
      handle.close = async () => {
        await close();
        throw new FileSystemError("EIO", "close", "f0");
      };
    });
    expect(await files[1]!.use(async () => 1)).toBe(1);
    expect(pool.openCount).toBe(1);
  });

  it("tries again after a file could not be opened", async () => {
    const { fs, pool, files } = await poolOf(2, 1);
    fs.refusal = "EMFILE";
    const uses = [files[0]!.use(async () => 1), files[0]!.use(async () => 1)];
    for (const { status } of await Promise.allSettled(uses)) expect(status).toBe("rejected");
    expect(pool.openCount).toBe(0);
    fs.refusal = undefined;
    expect(await files[0]!.use(async () => 1)).toBe(1);
    await files[0]!.close();
    expect([pool.openCount, fs.open_]).toEqual([0, 0]);
  });
});

describe("a log that shares a pool", () => {
  it("keeps the file of what it has not flushed open, so as to hear of a failed write-back, and lets go of it then", async () => {
    const closed: string[] = [];
    const fs = new (class extends MemoryFileSystem {
      override async open(path: string, mode: OpenMode): Promise<FileHandle> {
        const handle = await super.open(path, mode);
        const close = handle.close.bind(handle);
        handle.close = () => {
          if (path.endsWith(".log")) closed.push(path);
          return close();
        };
        return handle;
      }
    })();
    const rig = new LogRig({ fs, openFilesMax: 1, config: { flushMode: "written" } });
    const log = await rig.open();
    await log.append(batchOf(["a"]), undefined);
    await log.append(batchOf(["b"]), undefined);
    closed.length = 0;
    const other = rig.env.files.file("/other", "read-write-or-create");
    for (let i = 0; i < 3; i++) {
      await other.use(async () => undefined);
      await other.close();
    }
    expect(closed).toEqual([]);
    await log.flush();
    await other.use(async () => undefined);
    expect(closed.length).toBe(1);
    await log.append(batchOf(["c"]), undefined);
    expect((await readAll(log)).length).toBe(3);
    expect(await settled(log.close(), "close")).toBe(true);
  });
});
