import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { importsOf } from "./imports.ts";
import { type Manifest, manifestObjections } from "./package-rules.ts";
import { PROJECT, readSources, readText } from "./source-tree.ts";

const manifest = JSON.parse(readText("package.json")) as Manifest;

/** Packages that the program imports, also those loaded through `createRequire` because they may be missing. */
function importedPackages(): Set<string> {
  const sources = readSources(["src", "cli"], [".ts", ".js"]);
  const named = sources.flatMap(importsOf).flatMap((found) => found.package ?? []);
  const required = Object.keys(manifest.dependencies).filter((name) =>
    sources.some(({ text }) => text.includes(`"${name}")`)),
  );
  return new Set([...named, ...required].filter((name) => !name.startsWith("node:")));
}

describe("the package", () => {
  it("depends on what the program imports, ships what it names and has the scripts that people rely on", () => {
    const exists = (path: string) => existsSync(join(PROJECT, path));
    expect(manifestObjections(manifest, importedPackages(), exists)).toEqual([]);
  });

  it("is refused if it does not", () => {
    const broken: Manifest = {
      ...manifest,
      scripts: {},
      files: ["proto"],
      dependencies: { "@grpc/grpc-js": "1", "left-pad": "1" },
      devDependencies: { "left-pad": "1" },
    };
    const found = manifestObjections(broken, new Set(["@grpc/grpc-js", "level"]), () => false);
    expect(found.filter((text) => text.includes("left-pad"))).toHaveLength(2);
    expect(found.filter((text) => text.includes("level"))).toHaveLength(1);
    expect(found.filter((text) => text.includes("does not exist"))).toHaveLength(7);
    expect(found.filter((text) => text.includes("baseline"))).toHaveLength(1);
  });

  it("has the version that the program tells", () => {
    expect(VERSION).toBe(manifest.version);
  });
});

describe("the proto baseline", () => {
  const buf = (...args: string[]) =>
    execFileSync(join(PROJECT, "node_modules/.bin/buf"), args, { encoding: "utf8", stdio: "pipe" });

  it("lets a schema pass that only grew, and stops one that lost a field", async () => {
    const folder = await temporaryFolder();
    await cp(join(PROJECT, "proto"), join(folder, "proto"), { recursive: true });
    await cp(join(PROJECT, "buf.yaml"), join(folder, "buf.yaml"));
    const check = () => buf("breaking", folder, "--against", join(PROJECT, "proto/baseline.binpb"));
    const types = join(folder, "proto/millrace/v1/types.proto");
    const schema = await readFile(types, "utf8");

    await writeFile(types, `${schema}\n// New.\nmessage New {\n  // A field.\n  int32 field = 1;\n}\n`);
    expect(check()).toBe("");
    await writeFile(types, schema.replace(/ {2}int64 offset = 5;\n/, ""));
    expect(check).toThrow();
  }, 60_000);
});
