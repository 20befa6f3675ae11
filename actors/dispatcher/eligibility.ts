/** Whether a worker may have a task, and if not, by which rule: the same answer that `why` gives. */
import type { Requirements } from "../../src/job/model.ts";
import { costOf, limitName, type WorkerView } from "../../src/job/worker.ts";
import type { TaskNeeds } from "./task.ts";

export interface Verdict {
  readonly accepted: boolean;
  readonly rule: Rule;
  readonly needed: unknown;
  readonly found: unknown;
}

export type Rule =
  | "fits"
  | "draining"
  | "status"
  | "task"
  | "gpu"
  | "gpu_vram"
  | "installed_models"
  | "property"
  | "max_cost"
  | "reputation"
  | "type_limit"
  | "slots";

const FITS: Verdict = { accepted: true, rule: "fits", needed: null, found: null };

function refuse(rule: Rule, needed: unknown, found: unknown): Verdict {
  return { accepted: false, rule, needed, found };
}

/** What the worker is, whatever it is doing: a refusal here stays until the worker changes. */
export function suits(order: TaskNeeds, worker: WorkerView): Verdict {
  const able = isAble(order, worker);
  if (!able.accepted) return able;
  const cost = costOf(worker, order.type);
  if (order.maxCost !== undefined && cost > order.maxCost) {
    return refuse("max_cost", order.maxCost, Number.isFinite(cost) ? cost : null);
  }
  const { reputation, reputationNeeded } = worker;
  if (reputation < reputationNeeded) return refuse("reputation", reputationNeeded, reputation);
  return FITS;
}

/** Whether it could run the task, whatever it costs, and whether or not it is trusted with it now: that comes back. */
export function isAble(order: TaskNeeds, worker: WorkerView): Verdict {
  if (worker.draining) return refuse("draining", "a worker that takes tasks", "draining");
  if (!worker.tasks.has(order.type)) return refuse("task", order.type, [...worker.tasks]);
  return (order.requirements && meets(order.requirements, worker)) ?? FITS;
}

/** What the worker is doing: changes with every task. */
export function hasRoom(
  order: TaskNeeds,
  worker: WorkerView,
  free: number,
  inUse: ReadonlyMap<string, { readonly tasks: number }>,
): Verdict {
  if (worker.status !== "idle") return refuse("status", "idle", worker.status);
  const name = limitName(worker, order.type);
  const limit = worker.limits.get(name);
  const used = inUse.get(name)?.tasks ?? 0;
  if (limit !== undefined && used >= limit) return refuse("type_limit", limit, used);
  if (free <= 0) return refuse("slots", 1, 0);
  return FITS;
}

function meets(requirements: Requirements, worker: WorkerView): Verdict | undefined {
  const { gpu, installedModels, ...properties } = requirements;
  if (gpu) {
    if (!worker.gpu) return refuse("gpu", gpu, null);
    if (gpu.model !== undefined && !worker.gpu.model.toLowerCase().includes(gpu.model.toLowerCase())) {
      return refuse("gpu", gpu.model, worker.gpu.model);
    }
    if (gpu.vramGb !== undefined && worker.gpu.vramGb < gpu.vramGb)
      return refuse("gpu_vram", gpu.vramGb, worker.gpu.vramGb);
  }
  const missing = installedModels?.filter((model) => !worker.models.has(model));
  if (missing && missing.length > 0) return refuse("installed_models", missing, [...worker.models]);
  for (const [name, needed] of Object.entries(properties)) {
    const found = worker.properties.get(name);
    if (!hasProperty(needed, found)) return refuse("property", { [name]: needed }, found ?? null);
  }
  return undefined;
}

/** Numbers: at least. Lists: one in common. Everything else: equal. */
function hasProperty(needed: unknown, found: unknown): boolean {
  if (needed === undefined) return true;
  if (typeof needed === "number") return typeof found === "number" && found >= needed;
  if (Array.isArray(needed)) return (Array.isArray(found) ? found : [found]).some((one) => needed.includes(one));
  return needed === found;
}
