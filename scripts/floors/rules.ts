/** The two rules that promises rest on: nobody imports upwards, and time and chance are passed in. */
import { dirname, join, normalize } from "node:path";
import {
  BANNED_GLOBALS,
  EXCEPTIONS,
  PUBLIC_NAMES,
  ROOMS,
  ROOMS_IN_VIRTUAL_TIME,
  ROOMS_WITH_ADAPTERS,
  type Room,
} from "./map.ts";
import { importsOf, lineAt, type Masked, mask } from "./source.ts";

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const MAIN = "src/main.ts";

/** `file` is relative to the root of the checkout, with forward slashes. */
export function violationsIn(file: string, source: string): readonly Violation[] {
  const masked = mask(source);
  return [...importViolations(file, masked), ...globalViolations(file, masked)].toSorted(
    (one, other) => one.line - other.line,
  );
}

function importViolations(file: string, masked: Masked): readonly Violation[] {
  const own = roomOf(file);
  const violations: Violation[] = [];
  for (const { name, offset } of importsOf(masked)) {
    const message = own
      ? judgeImport(file, own, name)
      : `${file} lies in no room: add its folder to scripts/floors/map.ts`;
    if (message) violations.push({ file, line: lineAt(masked.withStrings, offset), message });
  }
  return violations;
}

function judgeImport(file: string, own: Room, name: string): string | undefined {
  const isPackage = !name.startsWith(".");
  if (isPackage && own.packages) {
    return own.packages.includes(name)
      ? undefined
      : `${own.path} imports "${name}": it may name only ${own.packages.join(", ")}`;
  }
  const target = isPackage ? PUBLIC_NAMES[name] : normalize(join(dirname(file), name)).replaceAll("\\", "/");
  // Data beside the sources (package.json, an HTML page) and packages stand on no floor.
  if (target === undefined || !/\.tsx?$/.test(target)) return undefined;
  const room = roomOf(target);
  if (!room) return `"${name}" leads to ${target}, which lies in no room: add its folder to scripts/floors/map.ts`;
  if (room.path === own.path || isExcepted(file, room.path) || isExcepted(file, target)) return undefined;
  return judgeRooms(own, room);
}

function judgeRooms(own: Room, target: Room): string | undefined {
  if (target.isAdapter && own.path !== MAIN)
    return `names the adapter ${target.path}: only ${MAIN} and tests do; use its port`;
  if (own.only && !own.only.includes(target.path)) {
    return `${own.path} imports ${target.path}: it may use only ${["itself", ...own.only].join(", ")}`;
  }
  if (own.also?.includes(target.path) || target.floor < own.floor) return undefined;
  return `${own.path} (floor ${own.floor}) imports ${target.path} (floor ${target.floor}): import from lower floors only; put what both need on a lower floor, or pass it in`;
}

function globalViolations(file: string, masked: Masked): readonly Violation[] {
  const isInVirtualTime = ROOMS_IN_VIRTUAL_TIME.some((path) => file.startsWith(`${path}/`));
  if (!isInVirtualTime) return [];
  return BANNED_GLOBALS.filter((banned) => !isExcepted(file, banned.name)).flatMap((banned) =>
    [...masked.codeOnly.matchAll(banned.pattern)].map((match) => ({
      file,
      line: lineAt(masked.codeOnly, match.index),
      message: `uses ${banned.name}: ${banned.instead}`,
    })),
  );
}

function isExcepted(file: string, what: string): boolean {
  return EXCEPTIONS.some(
    (exception) => exception.file === file && (exception.allows === "*" || exception.allows === what),
  );
}

/** The innermost room, an adapter's folder being a room of its own one floor up. */
export function roomOf(file: string): Room | undefined {
  const room = ROOMS.filter(({ path }) => file === path || file.startsWith(`${path}/`)).toSorted(
    (one, other) => other.path.length - one.path.length,
  )[0];
  if (!room || !ROOMS_WITH_ADAPTERS.includes(room.path)) return room;
  const folder = /^([^/]+)\//.exec(file.slice(room.path.length + 1))?.[1];
  return folder === undefined ? room : adapterRoom(room, folder);
}

function adapterRoom(room: Room, folder: string): Room {
  return { path: `${room.path}/${folder}`, floor: room.floor + 1, isAdapter: true };
}
