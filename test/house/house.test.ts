/** The house rules, held against the project as it stands. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { undocumented } from "./docstrings.ts";
import { sizeObjections } from "./file-sizes.ts";
import { importCycles } from "./imports.ts";
import { forbiddenImports, strayBarrels, upwardRules } from "./room-rules.ts";
import { ROOMS } from "./rooms.ts";
import { missingFiles } from "./readme-files.ts";
import { PROJECT, readSources, topLevelNames } from "./source-tree.ts";
import { brokenRules, CODE_RULES, PROGRAM_RULES, TEXT_RULES } from "./word-rules.ts";

const program = readSources(["src", "cli"], [".ts"]);
const code = readSources(["src", "cli", "bench", "examples", "test", ".ci"], [".ts", ".js"]);
const texts = readSources(
  ["src", "cli", "bench", "examples", "test", "proto/millrace", ".ci"],
  [".ts", ".js", ".md", ".proto", ".py"],
);

describe("rooms", () => {
  it("import only what the table of rooms allows", () => {
    expect(forbiddenImports(code.filter(({ path }) => path.endsWith(".ts")))).toEqual([]);
  });

  it("are ordered in floors by the table", () => {
    expect(upwardRules()).toEqual([]);
  });

  it("have no cycles of imports, types included", () => {
    expect(importCycles(code)).toEqual([]);
  });

  it("are entered by one index.ts each, and there are no other barrels", () => {
    expect(strayBarrels(program)).toEqual([]);
  });

  it("say what they are for in a README", () => {
    const rooms = ROOMS.map(({ path }) => path).filter(
      (path) => !path.endsWith(".ts") && path !== "cli/offline",
    );
    const silent = ["src", "test", "bench", "proto", ".ci", ...rooms].filter(
      (path) => !existsSync(join(PROJECT, path, "README.md")),
    );
    expect(silent).toEqual([]);
  });
});

describe("READMEs", () => {
  const pages = readSources(["src", "cli", "bench", "test", "proto", ".ci"], [".md"]);
  const paths = readSources(["src", "cli", "bench", "examples", "test", "proto", ".ci"], [""]).map(
    ({ path }) => path,
  );

  it("name only files that exist", () => {
    expect(pages.flatMap((page) => missingFiles(page, [...paths, ...topLevelNames()]))).toEqual([]);
  });

  it("of src/ draws every room", () => {
    const map = pages.find(({ path }) => path === "src/README.md")!.text;
    const rooms = ROOMS.map(({ path }) => path.replace("src/", "")).filter(
      (name) => !/^(cli|version)/.test(name),
    );
    expect(rooms.filter((name) => !map.includes(name))).toEqual([]);
  });
});

describe("code", () => {
  it("touches time, randomness and the disk only through their ports", () => {
    expect(brokenRules(program, PROGRAM_RULES)).toEqual([]);
  });

  it("names its types and silences no compiler", () => {
    expect(brokenRules(code, CODE_RULES)).toEqual([]);
  });

  it("leaves nothing for later", () => {
    expect(brokenRules(texts, TEXT_RULES)).toEqual([]);
  });

  it("stays in files of a readable size", () => {
    expect(sizeObjections(code)).toEqual([]);
  });

  it("explains every exported declaration", () => {
    expect(program.filter(({ path }) => path.startsWith("src/")).flatMap(undocumented)).toEqual([]);
  });
});

describe("the top folder", () => {
  const PRESCRIBED = [
    ".ci",
    ".gitignore",
    ".npmrc",
    "LICENSE",
    "README.md",
    "bench",
    "biome.json",
    "buf.yaml",
    "cli",
    "examples",
    "package-lock.json",
    "package.json",
    "proto",
    "src",
    "test",
    "tsconfig.build.json",
    "tsconfig.json",
    "vitest.config.ts",
  ];

  it("holds what belongs there and nothing else", () => {
    expect(topLevelNames().filter((name) => !PRESCRIBED.includes(name))).toEqual([]);
    expect(PRESCRIBED.filter((name) => !topLevelNames().includes(name))).toEqual([]);
  });
});
