/** What the connected workers can do, by skill (wire contract, 3.4): JSON text of an object. */
import { isObject } from "../protocol/json.ts";
import type { JsonMap, JsonValue } from "../system/errors.ts";

interface Skill {
  readonly contract: JsonMap;
  readonly providers: JsonMap[];
}

export function skillCatalogue(workers: readonly JsonMap[]): JsonMap {
  const skills = new Map<string, Skill>();
  for (const worker of workers) {
    const offered = new Map([...contractsOf(worker["supported_tasks"]), ...contractsOf(worker["supported_skills"])]);
    for (const [name, contract] of offered) {
      const skill = skills.get(name) ?? { contract, providers: [] };
      skill.providers.push(worker);
      skills.set(name, skill);
    }
  }
  const named = [...skills].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(named.map(([name, skill]) => [name, entryOf(name, skill)]));
}

/** Given by name alone, or in full. */
function contractsOf(list: JsonValue | undefined): (readonly [string, JsonMap])[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item) => {
    if (typeof item === "string") return [[item, { name: item }] as const];
    return isObject(item) && typeof item["name"] === "string" ? [[item["name"], item] as const] : [];
  });
}

function entryOf(name: string, { contract, providers }: Skill): JsonMap {
  const prices = providers.flatMap((worker) => priceOf(name, worker));
  const types = providers.flatMap(({ worker_type: type }) => (typeof type === "string" ? [type] : []));
  const reputations = providers.map(({ reputation }) => (typeof reputation === "number" ? reputation : 1));
  const average = reputations.reduce((sum, one) => sum + one, 0) / reputations.length;
  return {
    contract: { ...contract, ...(prices.length > 0 && { base_price: Math.min(...prices) }) },
    providers_count: providers.length,
    worker_types: [...new Set(types)].toSorted(),
    average_reputation: Math.round(average * 10_000) / 10_000,
  };
}

function priceOf(name: string, { capabilities }: JsonMap): number[] {
  const prices = isObject(capabilities) ? capabilities["cost_per_skill"] : undefined;
  const price = isObject(prices) ? prices[name] : undefined;
  return typeof price === "number" ? [price] : [];
}
