/** Counts a process's syncs with `perf`, where the machine lets us; elsewhere there is no figure. */
const EVENTS = ["sys_enter_fsync", "sys_enter_fdatasync"].map((name) => `syscalls:${name}`);
const LIMIT_MS = 5000;

export interface SyncCounter {
  /** Ends the count; undefined: this machine does not tell. */
  stop(): Promise<number | undefined>;
}

export function countSyncs(pid: number): SyncCounter {
  if (Bun.which("perf") === null) return { stop: async () => undefined };
  const command = ["perf", "stat", "-x", ",", "-e", EVENTS.join(","), "-p", String(pid)];
  const child = Bun.spawn(command, { stdio: ["ignore", "ignore", "pipe"], timeout: 0 });
  return {
    async stop() {
      child.kill("SIGINT");
      const kill = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
      const text = await child.stderr.text();
      clearTimeout(kill);
      return syncsIn(text);
    },
  };
}

/** Lines of `perf stat -x ,`: count, unit, event, and more. */
export function syncsIn(text: string): number | undefined {
  const counts = text
    .split("\n")
    .filter((line) => EVENTS.some((event) => line.includes(event)))
    .map((line) => Number.parseInt(line, 10));
  if (counts.length !== EVENTS.length || counts.some(Number.isNaN)) return undefined;
  return counts.reduce((sum, count) => sum + count, 0);
}
