/** Medians over the rounds, and the table that shows them side by side. */
import type { Workload } from "./load/workloads.ts";
import type { Figures, Measurement } from "./measure.ts";

export interface Row {
  readonly workload: Workload;
  readonly side: string;
  readonly rounds: number;
  readonly jobsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Least and most of the rounds, of that figure which is compared. */
  readonly spread: readonly [number, number];
  /** How much better ours is: jobs a second for W1 and W2, median times for W3 and W4. Left out for ours. */
  readonly oursIsBetterBy?: number;
  readonly programs: readonly { readonly name: string; readonly cpuMsPerJob: number; readonly peakBytes: number }[];
  readonly syncsPerJob?: number;
  readonly writtenBytesPerJob: number;
}

export function isTimed(workload: Workload): boolean {
  return workload === "w3" || workload === "w4";
}

/** One row a workload and side, the first side of each workload being ours. */
export function summarise(measured: readonly Measurement[], ours: string): Row[] {
  const keys = new Map(measured.map(({ workload, side }) => [`${workload} ${side}`, { workload, side }]));
  const rows = [...keys.values()].flatMap(({ workload, side }) => {
    const figures = measured.flatMap((one) =>
      one.workload === workload && one.side === side && "figures" in one ? [one.figures] : [],
    );
    return figures.length === 0 ? [] : [medianRow(workload, side, figures)];
  });
  return rows.map((row) => {
    const own = rows.find((one) => one.side === ours && one.workload === row.workload);
    if (!own || row.side === ours) return row;
    const oursIsBetterBy = isTimed(row.workload) ? row.p50Ms / own.p50Ms : own.jobsPerSecond / row.jobsPerSecond;
    return { ...row, oursIsBetterBy };
  });
}

function medianRow(workload: Workload, side: string, figures: readonly Figures[]): Row {
  const of = (value: (one: Figures) => number) => median(figures.map(value));
  const compared = figures.map((one) => (isTimed(workload) ? one.p50Ms : one.jobs / one.seconds));
  const syncs = figures.flatMap((one) => (one.syncs === undefined ? [] : [one.syncs / one.jobs]));
  const names = figures[0]?.programs.map(({ name }) => name) ?? [];
  const programOf = (one: Figures, name: string) => one.programs.find((program) => program.name === name);
  return {
    workload,
    side,
    rounds: figures.length,
    jobsPerSecond: of((one) => one.jobs / one.seconds),
    p50Ms: of((one) => one.p50Ms),
    p99Ms: of((one) => one.p99Ms),
    spread: [Math.min(...compared), Math.max(...compared)],
    programs: names.map((name) => ({
      name,
      cpuMsPerJob: of((one) => ((programOf(one, name)?.cpuSeconds ?? 0) * 1000) / one.jobs),
      peakBytes: of((one) => programOf(one, name)?.peakBytes ?? 0),
    })),
    ...(syncs.length > 0 && { syncsPerJob: median(syncs) }),
    writtenBytesPerJob: of((one) => one.writtenBytes / one.jobs),
  };
}

export function median(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  const upper = ascending[Math.floor(ascending.length / 2)] ?? Number.NaN;
  const lower = ascending[Math.ceil(ascending.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

const HEAD = [
  "workload",
  "side",
  "jobs/s",
  "p50 ms",
  "p99 ms",
  "spread",
  "ours is",
  "syncs/job",
  "KB/job",
  "CPU ms/job, peak MB",
];

export function tableText(rows: readonly Row[]): string {
  const order = [...new Set(rows.map((row) => row.workload))].toSorted();
  const lines = order.flatMap((workload) => rows.filter((row) => row.workload === workload).map(cells));
  const all = [HEAD, ...lines];
  const widths = HEAD.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  const isText = (column: number) => column < 2 || column === HEAD.length - 1;
  const pad = (text: string, column: number) =>
    isText(column) ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return all.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
}

function cells(row: Row): string[] {
  return [
    row.workload,
    row.side,
    isTimed(row.workload) ? "" : Math.round(row.jobsPerSecond).toString(),
    row.p50Ms.toFixed(2),
    row.p99Ms.toFixed(2),
    row.spread.map((value) => value.toFixed(isTimed(row.workload) ? 2 : 0)).join(" - "),
    row.oursIsBetterBy === undefined ? "" : `${row.oursIsBetterBy.toFixed(2)} x`,
    row.syncsPerJob?.toFixed(3) ?? "?",
    (row.writtenBytesPerJob / 1024).toFixed(1),
    row.programs
      .map(({ name, cpuMsPerJob, peakBytes }) => `${name} ${cpuMsPerJob.toFixed(3)} ${Math.round(peakBytes / 2 ** 20)}`)
      .join(", "),
  ];
}
