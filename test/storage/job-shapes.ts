/** Jobs of many shapes, the same ones each time: every optional field is there in some and missing in others. */
import { JOB_STATUSES, type Job } from "../../src/job/model.ts";
import { sampleJob, sampleWait } from "./sample.ts";

type Optional = { [Key in keyof Job as undefined extends Job[Key] ? Key : never]-?: Exclude<Job[Key], undefined> };

/** A value for each optional field: the compiler asks for the ones that are added later. */
const OPTIONAL: Optional = {
  merge: '{"a":1}',
  error: { code: "X", message: "it \u0000 broke" },
  task: sampleWait(2, {
    notBeforeMs: 5,
    delivery: { taskId: "t", workerId: "w", atMs: 9 },
    lastError: { code: "E", message: "m" },
    checkpoint: '"c"',
    order: {
      ...sampleWait().order,
      maxCost: 0.5,
      requirements: { gpu: { model: "a100", vramGb: 40 }, installedModels: ["m"], cpuCores: 2, zone: ["x", null, 1.5] },
      dispatchTimeoutMs: 1,
      timeoutMs: 2,
      paramsMetadata: '{"a":{"uri":"s3://b/a"}}',
      outputSchema: { type: "object", properties: {} },
    },
  }),
  parallel: { into: "join", total: 3, open: 0, join: { atLeast: 2 }, good: 1 },
  child: { slot: 0, childId: "child", blueprint: "b", transitions: { success: "on" }, sinceMs: 4 },
  pause: { kind: "timer", then: "on", sinceMs: 1, dueAtMs: 2, untilMs: 3 },
  early: [{ event: "paid", data: '{"a":"\u0000"}' }],
  answered: ["event:1"],
  aggregation: '{"t":{"status":"success"}}',
  begun: true,
  handler: { failures: 0, notBeforeMs: 12 },
  endsAs: "quarantined",
  cancelRequestedAtMs: 0,
  progress: 0,
  progressMessage: "",
  priority: -1,
  deadlineAtMs: Number.MAX_SAFE_INTEGER,
  startAtMs: 7,
  uniqueKey: "u\u0000",
  gate: { sinceMs: 1, visit: 2, isIn: true, max: 3, key: "initial_data.x", value: '"é"' },
  within: ['["b"]'],
  dispatchTimeoutMs: 0.5,
  resultTimeoutMs: 1,
  webhookUrl: "https://example.com/é",
  security: '{"k":"\ud800"}',
  metadata: "{}",
  tags: [],
  rerunOf: "other",
  parentId: "parent",
  depth: 1,
  isAlone: true,
  failedIn: "start",
  failedAggregation: '{"t":{}}',
  cameFrom: {
    state: "before",
    aggregation: '{"t":{}}',
    failed: { endsAs: "quarantined", error: { code: "E", message: "m" } },
  },
  failedTask: {
    type: "t",
    params: '{"a":"\u0000"}',
    taskId: "t",
    workerId: "w",
    attempts: 2,
    error: { code: "E", message: "m" },
    progress: { value: 0.5, message: "half", atMs: 3 },
  },
  trace: { traceparent: "00-1-2-01" },
  files: '{"s3://b/\u0000":{"uri":"s3://b/\u0000"}}',
};

export function shapes(count: number): Job[] {
  const keys = Object.keys(OPTIONAL) as (keyof Optional)[];
  return Array.from({ length: count }, (_, index) => {
    const chosen = keys.filter((_key, place) => isChosen(index, place));
    const optional = Object.fromEntries(chosen.map((key) => [key, OPTIONAL[key]])) as Partial<Optional>;
    const status = JOB_STATUSES[index % JOB_STATUSES.length] ?? "pending";
    return sampleJob(`shape-${index}`, {
      ...optional,
      ...(optional.uniqueKey !== undefined && { uniqueKey: `${optional.uniqueKey}${index}` }),
      status,
      client:
        index % 2 === 0 ? { id: "c", config: { big: 1e300, list: [1, "2", null] } } : { id: "", plan: "", config: {} },
      initialData: JSON.stringify("é".repeat((index % 7) * 1000)),
      stateHistory: JSON.stringify({ n: index }),
      createdAtMs: index * 1.5,
    });
  });
}

/** The first shapes have none and all, the next ones each field alone, the rest a mixture. */
function isChosen(index: number, place: number): boolean {
  if (index < 2) return index === 1;
  const alone = index - 2;
  if (alone < Object.keys(OPTIONAL).length) return alone === place;
  return (index * 2654435761 + place * 40503) % 7 < 3;
}
