/** What operators may look at: what the data stores of a blueprint hold. */
import { Elysia } from "elysia";
import type { Orchestrator } from "../../actors/orchestrator.ts";
import type { StoredEntry } from "../storage/port.ts";
import { describe } from "./descriptions.ts";
import type { Door } from "./door.ts";
import { limitOf, parametersOf } from "./query.ts";
import { jsonFor } from "./reply.ts";

export interface DataStoreRoutesOptions {
  readonly dataStores: Orchestrator["dataStores"];
  readonly door: Door;
}

export function dataStoreRoutes(prefix: string, { dataStores, door }: DataStoreRoutesOptions, isDescribed: boolean) {
  return new Elysia({ prefix }).get(
    "/blueprints/:name/stores/:store",
    async ({ request, params }) => {
      door.operator(request);
      const { name, store } = params;
      return jsonFor(request, await pageText(dataStores, name, store, parametersOf(request)));
    },
    describe("admin", isDescribed)("Read a data store of a blueprint, by key: `prefix`, `limit`, `cursor`"),
  );
}

async function pageText(
  dataStores: Orchestrator["dataStores"],
  blueprint: string,
  store: string,
  parameters: URLSearchParams,
): Promise<string> {
  const limit = limitOf(parameters);
  const [prefix, after] = [parameters.get("prefix"), parameters.get("cursor")];
  // One more than asked for tells whether there is a next page.
  const found = await dataStores.entries(blueprint, store, {
    limit: limit + 1,
    ...(prefix !== null && { prefix }),
    ...(after !== null && { after }),
  });
  const shown = found.slice(0, limit);
  const next = found.length > limit ? (shown.at(-1)?.key ?? null) : null;
  const head = `"blueprint_name":${JSON.stringify(blueprint)},"store":${JSON.stringify(store)}`;
  return `{${head},"entries":[${shown.map(entryText).join(",")}],"next_cursor":${JSON.stringify(next)}}`;
}

function entryText({ key, json }: StoredEntry): string {
  return `{"key":${JSON.stringify(key)},"value":${json}}`;
}
