/**
 * Flows whose handlers read and write data stores. Each notes what it saw and what it made of it, in
 * the history that is committed with it: held against a model in which one job comes after the other.
 */
import type { Context, DataStore } from "../../src/blueprint/sdk.ts";
import { type Flow, flow, midway, order, take } from "./flow.ts";

/** `saw` and `wrote`: null where nothing is. Of a list of keys only what was seen counts. */
export type Noted =
  | { readonly store: string; readonly key: string; readonly saw: unknown; readonly wrote: unknown }
  | { readonly store: string; readonly prefix: string; readonly saw: readonly string[] };

function note({ stateHistory }: Context, noted: Noted): void {
  stateHistory["noted"] = [...((stateHistory["noted"] ?? []) as Noted[]), noted];
}

function storeOf({ dataStores }: Context, name: string): DataStore {
  const store = dataStores[name];
  if (!store) throw new Error(`there is no store ${name}`);
  return store;
}

async function getThenSet(context: Context, name: string, by: number): Promise<void> {
  const store = storeOf(context, name);
  const saw = (await store.get<number>("total")) ?? null;
  await midway(context);
  const wrote = (saw ?? 0) + by;
  await store.set("total", wrote);
  note(context, { store: name, key: "total", saw, wrote });
}

async function add(context: Context, name: string): Promise<void> {
  const wrote = await storeOf(context, name).increment("total");
  note(context, { store: name, key: "total", saw: wrote - 1, wrote });
}

async function swap(context: Context, name: string): Promise<void> {
  const store = storeOf(context, name);
  const saw = (await store.get<string>("owner")) ?? null;
  await midway(context);
  const isSwapped = await store.compareAndSet("owner", saw ?? undefined, context.jobId);
  if (!isSwapped) throw new Error("a value changed under a run that had read it");
  note(context, { store: name, key: "owner", saw, wrote: context.jobId });
}

/** A new slot behind the last, or the last one goes: what they are called hangs on how many there are. */
async function claim(context: Context): Promise<void> {
  const store = storeOf(context, "slots");
  const saw = await store.keys("slot");
  await midway(context);
  note(context, { store: "slots", prefix: "slot", saw });
  const last = saw.at(-1);
  if (last !== undefined && saw.length >= context.initialData.count) {
    const owner = (await store.get<string>(last)) ?? null;
    await store.delete(last);
    note(context, { store: "slots", key: last, saw: owner, wrote: null });
    return;
  }
  const key = `slot${saw.length}`;
  await store.set(key, context.jobId);
  note(context, { store: "slots", key, saw: null, wrote: context.jobId });
}

/** The one ticket that there ever was: an initial value that is gone for good. */
async function spend(context: Context): Promise<void> {
  const store = storeOf(context, "tickets");
  const saw = (await store.get<string>("ticket")) ?? null;
  await midway(context);
  await store.delete("ticket");
  note(context, { store: "tickets", key: "ticket", saw, wrote: null });
}

export const STORE_FLOWS: readonly Flow[] = [
  {
    blueprint: flow("spending", {
      start: async (context, actions) => {
        await spend(context);
        actions.transitionTo("done");
      },
    }).addDataStore("tickets", { ticket: "admit one" }),
    tokens: () => 0,
  },
  {
    blueprint: flow("counting", {
      start: async (context, actions) => {
        await getThenSet(context, "tally", 1);
        actions.transitionTo("done");
      },
    }).addDataStore("tally", { total: 0 }),
    tokens: () => 0,
  },
  {
    blueprint: flow("tallying", {
      start: async (context, actions) => {
        await add(context, "tally");
        actions.transitionTo("work");
      },
      work: async (context, actions) => {
        await add(context, "tally");
        actions.dispatchTask(order("t", "after"));
      },
      after: async (context, actions) => {
        take(context);
        await swap(context, "owners");
        actions.transitionTo("done");
      },
    })
      .addDataStore("tally", { total: 5 })
      .addDataStore("owners"),
    tokens: () => 1,
  },
  {
    blueprint: flow("transfer", {
      start: async (context, actions) => {
        const { request, index } = context.initialData;
        const names = (request + index) % 2 === 0 ? ["left", "right"] : ["right", "left"];
        for (const name of names) await getThenSet(context, name, name === "left" ? -1 : 1);
        actions.transitionTo("done");
      },
    })
      .addDataStore("left", { total: 100 })
      .addDataStore("right", { total: 100 }),
    tokens: () => 0,
  },
  {
    blueprint: flow("claiming", {
      start: async (context, actions) => {
        await claim(context);
        actions.transitionTo("done");
      },
    }).addDataStore("slots"),
    tokens: () => 0,
  },
];
