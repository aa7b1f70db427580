import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter } from "../../cli/records/line-splitter.ts";

/** Lines as they come out of a memory that is used again for each chunk, as a file's is. */
function linesOf(chunks: readonly Buffer[], lineBytesMax = 1_000): string[] {
  const splitter = new LineSplitter(lineBytesMax);
  const memory = Buffer.alloc(64);
  const lines: string[] = [];
  for (const chunk of chunks) {
    chunk.copy(memory);
    splitter.push(memory.subarray(0, chunk.length));
    for (let line = splitter.next(); line !== undefined; line = splitter.next()) {
      lines.push(`${splitter.lineNumber}:${line}`);
    }
  }
  const rest = splitter.rest();
  if (rest !== undefined) lines.push(`${splitter.lineNumber}:${rest}`);
  return lines;
}

describe("a line splitter", () => {
  it("finds the same lines wherever the chunks are cut", () => {
    const text = fc.array(fc.constantFrom("a", "bb", "\n", "\r\n", "\r", "ä")).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 64 })), (content, sizes) => {
        const bytes = Buffer.from(content);
        const chunks: Buffer[] = [];
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const size = sizes[index % Math.max(1, sizes.length)] ?? 7;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const whole = content.split("\n");
        const last = whole.pop()!;
        const expected = [...whole.map((line) => line.replace(/\r$/, "")), ...(last === "" ? [] : [last])];
        expect(linesOf(chunks)).toEqual(expected.map((line, index) => `${index + 1}:${line}`));
      }),
    );
  });

  it("refuses a line that no record could hold, by its number, before it is all in memory", () => {
    const splitter = new LineSplitter(10);
    splitter.push(Buffer.from("short\n0123456789"));
    expect(String(splitter.next())).toBe("short");
    expect(splitter.next()).toBeUndefined();
    splitter.push(Buffer.from("x"));
    expect(() => splitter.next()).toThrow("line 2 is longer than 10 bytes");
  });
});
