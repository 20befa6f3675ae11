/** The worker of the order: asks a shop what it wants for an item. */
import { PermanentError, Worker } from "orchestrator/worker";

const PRICES: Readonly<Record<string, number>> = { north: 40, south: 35, west: 38 };

interface Params {
  shop: string;
  item: string;
  shut: string[];
}

export default new Worker().task("ask_shop", async ({ shop, item, shut }: Params) => {
  await Bun.sleep(100);
  if (shut.includes(shop)) throw new PermanentError(`the shop in the ${shop} is shut`);
  return { shop, item, price: PRICES[shop] ?? 50 };
});
