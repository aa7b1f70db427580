/**
 * The rooms of the house and what each may import: the one place where this is decided. Imports lead downwards only,
 * except that the rooms of floor 5 share `wire` and `gen`.
 */

/** A part of the source: a folder, or a file that stands alone. */
export interface Room {
  /** Folder or file below the project; the longest one that fits a file is its room. */
  readonly path: string;
  readonly floor: number;
  /** Paths of the other rooms it may import. */
  readonly rooms: readonly string[];
  /** Packages and modules of Node it may import. */
  readonly packages: readonly string[];
}

const GROUND = ["src/base", "src/errors"];
const PORTS = [...GROUND, "src/record", "src/fs"];

/** All rooms of the program. Benches, examples and tests are not rooms: see `GUESTS`. */
export const ROOMS: readonly Room[] = [
  // Floor 0: no input or output. `node:crypto` is where randomness comes from, `node:module` finds the native CRC.
  { path: "src/base", floor: 0, rooms: [], packages: ["node:crypto", "node:module"] },
  { path: "src/errors", floor: 0, rooms: ["src/base"], packages: [] },
  { path: "src/version.ts", floor: 0, rooms: [], packages: [] },
  { path: "src/tune.ts", floor: 0, rooms: [], packages: ["node:v8"] },

  // Floor 1: bytes, and the disk behind its port.
  { path: "src/record", floor: 1, rooms: GROUND, packages: ["node:buffer", "node:module", "node:zlib"] },
  { path: "src/fs", floor: 1, rooms: GROUND, packages: ["node:fs"] },

  // Floors 2 to 4: the engine. No network, no proto, no clock, no files but through ports (and LevelDB, which opens its own).
  { path: "src/log", floor: 2, rooms: PORTS, packages: [] },
  { path: "src/metadata", floor: 2, rooms: PORTS, packages: ["level"] },
  { path: "src/group", floor: 3, rooms: GROUND, packages: ["re2js"] },
  {
    path: "src/stream",
    floor: 3,
    rooms: [...PORTS, "src/log"],
    packages: ["level", "node:crypto"],
  },
  {
    path: "src/broker",
    floor: 4,
    rooms: [...PORTS, "src/log", "src/metadata", "src/group", "src/stream"],
    packages: [],
  },

  // Floor 5: the network. The broker's side and the client's side never meet but in `wire` and `gen`.
  { path: "src/gen", floor: 5, rooms: [], packages: ["protobufjs"] },
  { path: "src/wire", floor: 5, rooms: [...GROUND, "src/gen"], packages: ["@grpc/grpc-js"] },
  {
    path: "src/rpc",
    floor: 5,
    rooms: [...PORTS, "src/broker", "src/gen", "src/wire"],
    packages: ["@grpc/grpc-js", "node:events", "node:http2", "node:net", "node:url"],
  },
  {
    path: "src/client",
    floor: 5,
    rooms: [...GROUND, "src/record", "src/gen", "src/wire"],
    packages: ["@grpc/grpc-js"],
  },

  // Floor 6: wiring. The SDK and the broker are two entrances, so that a client does not load a broker.
  { path: "src/config.ts", floor: 6, rooms: GROUND, packages: ["yaml", "zod"] },
  {
    path: "src/embedded.ts",
    floor: 6,
    rooms: [...PORTS, "src/version.ts", "src/log", "src/metadata", "src/stream", "src/broker", "src/rpc"],
    packages: [],
  },
  {
    path: "src/server.ts",
    floor: 6,
    rooms: [...GROUND, "src/config.ts", "src/embedded.ts", "src/rpc"],
    packages: ["node:os", "pino"],
  },
  { path: "src/index.ts", floor: 6, rooms: ["src/client", "src/errors", "src/record"], packages: [] },

  // The command line stands on the SDK. Only the offline commands open logs, and they only read.
  {
    path: "cli",
    floor: 7,
    rooms: [
      ...GROUND,
      "src/fs",
      "src/index.ts",
      "src/server.ts",
      "src/config.ts",
      "src/tune.ts",
      "src/version.ts",
      "cli/offline",
    ],
    packages: [
      "commander",
      "node:buffer",
      "node:fs",
      "node:os",
      "node:path",
      "node:perf_hooks",
      "node:readline",
      "node:stream",
      "node:v8",
      "yaml",
    ],
  },
  {
    path: "cli/offline",
    floor: 7,
    rooms: [...PORTS, "src/log", "cli"],
    packages: ["commander", "node:path"],
  },
];

/** Folders that use the program and are no part of it, with what they may import of it; undefined is everything. */
export const GUESTS: readonly { readonly path: string; readonly rooms: readonly string[] | undefined }[] = [
  { path: "examples", rooms: ["src/index.ts", "src/embedded.ts"] },
  { path: "bench", rooms: undefined },
  { path: "test", rooms: undefined },
];
