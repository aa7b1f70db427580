/** What package.json must say so that the package works where it is installed. */

/** The parts of package.json that the rules read. */
export interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Scripts that newcomers and CI rely on. */
const SCRIPTS = [
  "bench",
  "build",
  "demo",
  "format",
  "gen",
  "lint",
  "start",
  "test",
  "test:crash",
  "typecheck",
];

/** Files of dist that package.json names, as paths of the sources they are built from. */
export function builtSources({ bin, exports }: Manifest): string[] {
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  return [...Object.values(bin), ...targets]
    .filter((path) => path.startsWith("./dist/"))
    .map((path) => path.slice("./dist/".length).replace(/(\.d\.ts|\.js)$/, ".ts"));
}

/** What is wrong with the manifest, given the packages that the program imports and the files that exist. */
export function manifestObjections(
  manifest: Manifest,
  imported: ReadonlySet<string>,
  exists: (path: string) => boolean,
): string[] {
  const { dependencies, devDependencies, scripts, files } = manifest;
  const missing = [...imported].filter((name) => dependencies[name] === undefined);
  // The types of Node are part of our declarations, which name them by reference.
  const unused = Object.keys(dependencies).filter((name) => !imported.has(name) && name !== "@types/node");
  const twice = Object.keys(dependencies).filter((name) => devDependencies[name] !== undefined);
  return [
    ...missing.map((name) => `the program imports ${name}, which is no dependency`),
    ...unused.map((name) => `${name} is a dependency that the program does not import`),
    ...twice.map((name) => `${name} is a dependency twice`),
    ...SCRIPTS.filter((name) => scripts[name] === undefined).map((name) => `there is no script "${name}"`),
    ...builtSources(manifest)
      .filter((path) => !exists(path))
      .map((path) => `the package names what would be built from ${path}, which does not exist`),
    ...(files.includes("!proto/baseline.binpb") ? [] : ["the package would ship proto/baseline.binpb"]),
  ];
}
