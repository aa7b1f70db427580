/** The checkers themselves: each must find what it is there to find, and nothing else. */
import { describe, expect, it } from "vitest";
import { undocumented } from "./docstrings.ts";
import { sizeObjections } from "./file-sizes.ts";
import { importCycles, importsOf } from "./imports.ts";
import { maskedCode } from "./masked-code.ts";
import { missingFiles } from "./readme-files.ts";
import { forbiddenImports, strayBarrels, upwardRules } from "./room-rules.ts";
import type { SourceFile } from "./source-tree.ts";
import { brokenRules, CODE_RULES, PROGRAM_RULES, TEXT_RULES } from "./word-rules.ts";

const file = (path: string, ...lines: string[]): SourceFile => ({ path, text: `${lines.join("\n")}\n` });

describe("masking", () => {
  it("blanks comments, strings, templates and regular expressions, and keeps code in its place", () => {
    const text = "a; // b\nc('d', `e $" + "{f({ g: `h` })} i`) / j; /* k */ l = /m[/]n/g;";
    const masked = maskedCode(text);
    expect(masked).toHaveLength(text.length);
    expect(masked.replaceAll(/\s+/g, " ")).toBe("a; c(' ', ` $" + "{f({ g: ` ` })} `) / j; l = g;");
  });

  it("does not end a string at an escaped quote", () => {
    expect(maskedCode('"a\\"Date.now" + b')).toBe('"           " + b');
  });
});

describe("imports", () => {
  it("are found in every form, over several lines, and not in comments or strings", () => {
    const source = file(
      "src/log/a.ts",
      'import { b } from "./b.ts";',
      "import type {",
      "  C,",
      '} from "../record/index.ts";',
      'export * from "./d.ts";',
      'import "node:fs/promises";',
      'const e = await import("@grpc/grpc-js/build");',
      '// import { x } from "./x.ts";',
      "const text = \"import y from './y.ts'\";",
    );
    expect(importsOf(source).map((found) => found.target ?? found.package)).toEqual([
      "src/log/b.ts",
      "src/record/index.ts",
      "src/log/d.ts",
      "node:fs",
      "@grpc/grpc-js",
    ]);
  });

  it("that lead upwards, into a room past its index.ts, or to a package of another room are refused", () => {
    const objections = forbiddenImports([
      file("src/log/a.ts", 'import { Broker } from "../broker/index.ts";'),
      file("src/log/b.ts", 'import { b } from "../record/batch.ts";'),
      file("src/log/c.ts", 'import net from "node:net";'),
      file("src/log/d.ts", 'import type { Code } from "../gen/millrace.js";'),
      file("src/client/e.ts", 'import { RpcServer } from "../rpc/index.ts";'),
      file("cli/commands/f.ts", 'import { PartitionLog } from "../../src/log/index.ts";'),
      file("examples/g.ts", 'import { Broker } from "../src/broker/index.ts";'),
      file("src/attic/h.ts"),
    ]);
    expect(objections).toHaveLength(8);
  });

  it("that the table allows are not", () => {
    const objections = forbiddenImports([
      file("src/log/a.ts", 'import { b } from "../record/index.ts"; import { c } from "./c.ts";'),
      file("cli/offline/d.ts", 'import { scanBatches } from "../../src/log/index.ts";'),
      file("test/log/e.test.ts", 'import { f } from "../../src/log/segment.ts"; import g from "vitest";'),
    ]);
    expect(objections).toEqual([]);
  });

  it("in a circle are found once, with the way around", () => {
    const cycles = importCycles([
      file("src/a.ts", 'import "./b.ts";'),
      file("src/b.ts", 'import type { C } from "./c.ts";'),
      file("src/c.ts", 'import "./a.ts";'),
      file("src/d.ts", 'import "./a.ts";'),
    ]);
    expect(cycles).toEqual([["src/a.ts", "src/b.ts", "src/c.ts", "src/a.ts"]]);
  });

  it("cannot be allowed upwards by the table itself", () => {
    const room = { packages: [], floor: 2, path: "src/log", rooms: ["src/broker", "src/gone"] };
    expect(upwardRules([room, { packages: [], floor: 4, path: "src/broker", rooms: [] }])).toHaveLength(2);
  });
});

describe("barrels", () => {
  it("are refused below a room's index.ts", () => {
    const barrel = 'export * from "./a.ts";';
    expect(strayBarrels([file("src/log/index.ts", barrel), file("src/index.ts", barrel)])).toEqual([]);
    expect(
      strayBarrels([
        file("src/log/all.ts", "export {", "  a,", '} from "./a.ts";'),
        file("src/client/api/index.ts", barrel),
        file("src/log/types.ts", 'import type { A } from "./a.ts";', "export type { A };"),
      ]),
    ).toHaveLength(2);
  });
});

describe("words", () => {
  const withoutAllowances = PROGRAM_RULES.map((rule) => ({ ...rule, allowed: [] }));

  it.each([
    ["const now = Date.now();"],
    ["const now = new Date( );"],
    ["setImmediate(f);"],
    ["const { setTimeout: wait } = globalThis;"],
    ["const start = performance.now();"],
    ["const dice = Math.random();"],
    ["const id = crypto.randomUUID();"],
    ['import { readFile } from "node:fs/promises";'],
    ['const fs = await import("node:fs");'],
    ['import { setTimeout } from "node:timers/promises";'],
    ["console.log(1);"],
  ])("outside of their place are found: %s", (line) => {
    expect(brokenRules([file("src/log/a.ts", "", line)], withoutAllowances)).not.toEqual([]);
  });

  it.each([
    ["const at = new Date(timestampMs).toISOString();"],
    ["// Date.now() would be wrong here"],
    ['throw new TypeError("not Math.random()");'],
    ["clock.schedule(5, f); performanceOf(a);"],
  ])("that only look like it are not: %s", (line) => {
    expect(brokenRules([file("src/log/a.ts", line)], withoutAllowances)).toEqual([]);
  });

  it("that write are found in offline commands only", () => {
    const line = 'const handle = await fs.open(path, "read-write");';
    expect(brokenRules([file("cli/offline/dump.ts", line)], withoutAllowances)).toHaveLength(1);
    expect(brokenRules([file("src/log/segment.ts", line)], withoutAllowances)).toEqual([]);
  });

  it("are allowed where the rule says so, and an allowance that nothing needs is found", () => {
    const rule = {
      ...withoutAllowances[1]!,
      allowed: [{ path: "src/base/clock.ts", reason: "is the clock" }],
    };
    expect(brokenRules([file("src/base/clock.ts", "Date.now();")], [rule])).toEqual([]);
    expect(brokenRules([file("src/base/clock.ts", "nothing();")], [rule])).toHaveLength(1);
  });

  it("that stand for no type are found, and the same letters elsewhere are not", () => {
    const rules = CODE_RULES.map((rule) => ({ ...rule, allowed: [] }));
    const types = ["let a: any;", "f<any>();", "b as any;", "type C = any[];", "// @ts-ignore"];
    for (const line of types) expect(brokenRules([file("a.ts", line)], rules)).toHaveLength(1);
    const others = ["await Promise.any(a);", "// any of them", "const b = 'any';", "many.any = 1;"];
    for (const line of others) expect(brokenRules([file("a.ts", line)], rules)).toEqual([]);
  });

  it("that put work off are found in comments too", () => {
    const [rule] = TEXT_RULES;
    const later = ["// TO", "DO: later"].join("");
    expect(brokenRules([file("a.ts", later)], [{ ...rule!, allowed: [] }])).toHaveLength(1);
  });
});

describe("docstrings", () => {
  it("are asked of every exported declaration", () => {
    const source = file(
      "a.ts",
      "export const A = 1;",
      "",
      "export function b(): void {}",
      "interface C {}",
      "export abstract class D {}",
      "export type E = string;",
    );
    expect(undocumented(source)).toHaveLength(4);
  });

  it("may stand above the declaration, above a run of constants, above the value of a type's name or at the head", () => {
    const source = file(
      "a.ts",
      "/** The head. */",
      'import b from "b";',
      "export class First {}",
      "/** Bits. */",
      "export const A = 1;",
      "export const B = 2; // the second",
      "",
      "/** Letters. */",
      "export const Letter = {",
      "} as const;",
      "export type Letter = string;",
    );
    expect(undocumented(source)).toEqual([]);
    expect(
      undocumented(file("a.ts", "/** A. */", "export const A = 1;", "", "export const B = 2;")),
    ).toHaveLength(1);
  });
});

describe("READMEs", () => {
  it("that name a file which is not there are found", () => {
    const paths = ["src/log/segment.ts", "proto/errors.proto"];
    const page = (text: string) => file("src/log/README.md", text);
    expect(
      missingFiles(page("`segment.ts`, `src/log/segment.ts`, [it](../../proto/errors.proto)"), paths),
    ).toEqual([]);
    expect(missingFiles(page("`segments.ts` and [it](./gone.md)"), paths)).toHaveLength(2);
    expect(missingFiles(page("`a.b()`, `segment.bytes`, `*.test.ts`"), paths)).toEqual([]);
  });
});

describe("sizes", () => {
  const long = (path: string, lines: number) => ({ path, text: "\n".repeat(lines) });

  it("up to 300 lines pass, 301 need an allowance, 501 have none", () => {
    const sizes = [300, 301, 501].map((lines) => sizeObjections([long("src/a.ts", lines)], {}).length);
    expect(sizes).toEqual([0, 1, 1]);
    expect(sizeObjections([long("test/a.test.ts", 500)], {})).toEqual([]);
    expect(sizeObjections([long("test/a.test.ts", 501)], {})).toHaveLength(1);
  });

  it("with an allowance may not grow, and the allowance shrinks with the file", () => {
    const check = (lines: number) => sizeObjections([long("src/a.ts", lines)], { "src/a.ts": 320 }).length;
    expect([319, 320, 321, 300].map(check)).toEqual([1, 0, 1, 1]);
    expect(sizeObjections([], { "src/gone.ts": 320 })).toHaveLength(1);
  });
});
