/**
 * The floors of ARCHITECTURE.md as data: which room a file lies in, what it may import, and where
 * time and chance may be touched. Every exception stands here, with its reason.
 */
export interface Room {
  readonly path: string;
  /** A file imports from lower floors and from its own room. */
  readonly floor: number;
  /** Same-floor or otherwise closed rooms that this one may use all the same. */
  readonly also?: readonly string[];
  /** Nothing but these rooms and its own. */
  readonly only?: readonly string[];
  /** Named by `src/main.ts` and by tests alone. */
  readonly isAdapter?: true;
  /** The packages that may be named; left out: any. */
  readonly packages?: readonly string[];
}

export const ROOMS: readonly Room[] = [
  { path: "src/system", floor: 0 },
  // What workers send becomes what a job is told: the types of the wire are part of its rules.
  { path: "src/job", floor: 1, also: ["src/protocol"] },
  // The words between the SDK and the rooms that run it: types alone, so they lie as low as what they speak of.
  { path: "src/catalog/port.ts", floor: 1 },
  { path: "src/handlers/port.ts", floor: 1, also: ["src/job", "src/files/port.ts"] },
  { path: "src/files/port.ts", floor: 1 },
  {
    path: "src/blueprint",
    floor: 1,
    also: ["src/job", "src/catalog/port.ts", "src/handlers/port.ts", "src/files/port.ts"],
  },
  { path: "src/protocol", floor: 1 },
  // Where the threads of the compiled program begin: it has to lie beside main.ts.
  { path: "src/threads.ts", floor: 2 },
  { path: "src/heart-thread.ts", floor: 6 },
  { path: "src/runtime", floor: 2, only: ["src/system"] },
  { path: "src/config", floor: 2 },
  { path: "src/telemetry", floor: 2 },
  { path: "src/storage", floor: 3 },
  { path: "src/history", floor: 3 },
  // Both sides move files by the same rules: a worker comes without the rest of the server.
  { path: "src/files", floor: 2, only: ["src/system", "src/files/port.ts"] },
  { path: "src/access", floor: 3, also: ["src/storage"] },
  { path: "src/notify", floor: 3, also: ["src/storage"] },
  { path: "src/catalog", floor: 3, also: ["src/storage"] },
  { path: "src/handlers", floor: 3, also: ["src/storage", "src/catalog"] },
  { path: "src/schedules", floor: 3 },
  { path: "actors", floor: 4 },
  { path: "src/http", floor: 5 },
  { path: "src/cli", floor: 5 },
  { path: "src/dashboard", floor: 5 },
  { path: "src/main.ts", floor: 6 },
  // The public SDK: below the doors, above the rules that it shows to blueprint files.
  { path: "src/index.ts", floor: 5, only: ["src/blueprint", "src/system"] },
  { path: "worker", floor: 5, only: ["src/protocol", "src/system", "src/files", "src/files/port.ts"] },
  { path: "blueprints", floor: 5, only: [], packages: ["orchestrator", "orchestrator/worker"] },
];

/** Rooms whose own folders are adapters: `src/storage/sqlite`, `src/files/s3`. */
export const ROOMS_WITH_ADAPTERS: readonly string[] = ["src/storage", "src/history", "src/files"];

export const PUBLIC_NAMES: Readonly<Record<string, string>> = {
  orchestrator: "src/index.ts",
  "orchestrator/worker": "worker/index.ts",
};

export interface BannedGlobal {
  readonly name: string;
  readonly pattern: RegExp;
  readonly instead: string;
}

export const BANNED_GLOBALS: readonly BannedGlobal[] = [
  { name: "Date.now", pattern: /\bDate\.now\b/g, instead: "ask the Clock that is passed in (nowMs)" },
  {
    name: "new Date()",
    pattern: /\bnew Date(?:\(\s*\)|(?!\s*\())/g,
    instead: "ask the Clock that is passed in; formatting a given time with new Date(ms) is fine",
  },
  { name: "Date()", pattern: /(?<!new |\.|\w)Date\(/g, instead: "ask the Clock that is passed in" },
  {
    name: "performance.now",
    pattern: /\bperformance\.(?:now|timeOrigin)\b/g,
    instead: "ask the Clock that is passed in (monotonicMs)",
  },
  {
    name: "setTimeout",
    pattern: /(?<![.\w])(?:globalThis\.)?setTimeout\b/g,
    instead: "use the Timers that are passed in, or the actor's own `after`",
  },
  {
    name: "setInterval",
    pattern: /(?<![.\w])(?:globalThis\.)?setInterval\b/g,
    instead: "use the Timers that are passed in, and arm again after each run",
  },
  {
    name: "setImmediate",
    pattern: /(?<![.\w])(?:globalThis\.)?setImmediate\b/g,
    instead: "use the Scheduler that is passed in (afterInput)",
  },
  {
    name: "queueMicrotask",
    pattern: /(?<![.\w])(?:globalThis\.)?queueMicrotask\b/g,
    instead: "use the Scheduler that is passed in (soon)",
  },
  { name: "Bun.sleep", pattern: /\bBun\.sleep(?:Sync)?\b/g, instead: "use the Timers that are passed in" },
  {
    name: "Bun.nanoseconds",
    pattern: /\bBun\.nanoseconds\b/g,
    instead: "ask the Clock that is passed in (monotonicMs)",
  },
  { name: "Math.random", pattern: /\bMath\.random\b/g, instead: "use the Random that is passed in" },
  {
    name: "crypto.randomUUID",
    pattern: /\b(?:crypto\.)?(?:randomUUID|randomBytes|getRandomValues)\b/g,
    instead: "use the Ids or the Random that is passed in",
  },
  {
    name: "AbortSignal.timeout",
    pattern: /\bAbortSignal\.timeout\b/g,
    instead: "abort a controller of your own by the Timers that are passed in",
  },
];

/** Where time, chance and ids come through `src/system` alone, so that the whole can run in virtual time. */
export const ROOMS_IN_VIRTUAL_TIME: readonly string[] = [
  "src/system",
  "src/job",
  "src/blueprint",
  "src/protocol",
  "src/runtime",
  "src/storage",
  "src/files",
  "src/catalog",
  "src/handlers",
  "src/access",
  "src/schedules",
  "src/notify",
  "src/http",
  "actors",
];

export interface Exception {
  readonly file: string;
  /** The imported room, or the banned global's name. */
  readonly allows: string;
  readonly reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [
  { file: "src/handlers/thread.ts", allows: "src/files/s3", reason: "it joins a thread, as main.ts joins the process" },
  { file: "worker/process.ts", allows: "src/files/s3", reason: "it joins a worker, as main.ts joins the server" },
  { file: "src/system/real.ts", allows: "*", reason: "it is the outside world that the others get passed in" },
  {
    file: "src/catalog/bundle-module.ts",
    allows: "src/index.ts",
    reason: 'only threads that run blueprints come here: it gives the files in them what they import as "orchestrator"',
  },
];
