/** What a process has used, as the kernel counts it: nothing in the process knows. */
import { readFileSync, writeFileSync } from "node:fs";

export interface Usage {
  readonly cpuSeconds: number;
  /** The most that was resident since `resetPeak`. */
  readonly peakBytes: number;
  /** Sent to the disk, or to its cache, by this process. */
  readonly writtenBytes: number;
}

// Linux shows times in these, whatever its own clock does.
const TICKS_PER_SECOND = 100;

export function usageOf(pid: number): Usage {
  // The second field is the name, which may hold anything: what counts begins behind it, with the third.
  const fields = read(pid, "stat").split(") ").at(-1)?.split(" ") ?? [];
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    peakBytes: Number(/VmHWM:\s+(\d+)/.exec(read(pid, "status"))?.[1]) * 1024,
    writtenBytes: Number(/write_bytes: (\d+)/.exec(read(pid, "io"))?.[1]),
  };
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function read(pid: number, file: string): string {
  return readFileSync(`/proc/${pid}/${file}`, "utf8");
}
