import { type Import, importsOf } from "./imports.ts";
import { GUESTS, ROOMS, type Room } from "./rooms.ts";
import type { SourceFile } from "./source-tree.ts";

/** A room or guest as the rules see it; `rooms` undefined allows everything. */
type Tenant = Pick<Room, "path"> & Partial<Room>;

const TENANTS: readonly Tenant[] = [
  ...ROOMS,
  ...GUESTS.map(({ path, rooms }) => (rooms === undefined ? { path } : { path, rooms })),
];

/** The room or guest a file belongs to: the longest path that fits. */
export function roomOf(path: string, tenants: readonly Tenant[] = TENANTS): Tenant | undefined {
  const fitting = tenants.filter((room) => path === room.path || path.startsWith(`${room.path}/`));
  return fitting.sort((one, other) => other.path.length - one.path.length)[0];
}

/** Imports that the table of rooms does not allow, and files that belong to no room. */
export function forbiddenImports(
  files: readonly SourceFile[],
  tenants: readonly Tenant[] = TENANTS,
): string[] {
  return files.flatMap((file) => {
    const room = roomOf(file.path, tenants);
    if (room === undefined) return [`${file.path} belongs to no room; add its room to test/house/rooms.ts`];
    return importsOf(file).flatMap((found) => objections(room, found, tenants));
  });
}

function objections(
  room: Tenant,
  { from, specifier, target, package: name }: Import,
  tenants: readonly Tenant[],
) {
  if (target === undefined) {
    if (room.packages === undefined || room.packages.includes(name!)) return [];
    return [`${from} imports "${specifier}", but ${room.path} may only import [${room.packages}]`];
  }
  const other = roomOf(target, tenants);
  if (other === undefined) return [`${from} imports ${target}, which belongs to no room`];
  if (other === room || room.rooms === undefined) return [];
  if (!room.rooms.includes(other.path)) {
    return [`${from} imports ${target}, but ${room.path} may not import ${other.path}`];
  }
  return isEntrance(target, other) ? [] : [`${from} imports ${target}: enter a room by its index.ts`];
}

/** The way into a room: its index.ts, the generated module, or the file that is the room. */
function isEntrance(target: string, { path }: Tenant): boolean {
  const isInside = path === "cli" || path === "cli/offline"; // one program in folders, not a library
  return isInside || target === path || target === `${path}/index.ts` || path === "src/gen";
}

/** Imports between rooms that lead upwards: what the table itself must not allow. */
export function upwardRules(rooms: readonly Room[] = ROOMS): string[] {
  const floors = new Map(rooms.map(({ path, floor }) => [path, floor]));
  return rooms.flatMap(({ path, floor, rooms: allowed }) =>
    allowed
      .filter((other) => (floors.get(other) ?? Number.POSITIVE_INFINITY) > floor)
      .map((other) => `${path} on floor ${floor} may import ${other}, which lies above or does not exist`),
  );
}

const REEXPORT = /^export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s*(?:as\s+\w+\s+)?from\b/m;

/** Files that pass on what others export, other than the index.ts of a room and the entrance of the SDK. */
export function strayBarrels(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    if (
      path === "src/index.ts" ||
      path.startsWith("src/gen/") ||
      ROOMS.some((room) => path === `${room.path}/index.ts`)
    )
      return [];
    if (path.endsWith("/index.ts")) return [`${path}: only a room has an index.ts`];
    return REEXPORT.test(text) ? [`${path} re-exports; only a room's index.ts may`] : [];
  });
}
