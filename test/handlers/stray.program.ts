/** Run by stray.test.ts in a process of its own: under the test runner, stray errors of threads count as failed tests. */
import { openWorkshop, turnOf } from "./blueprints.ts";

const shop = await openWorkshop();
const hash = await shop.bundle({ start: process.argv[2] ?? "" });
const pool = shop.pool({ threads: 1 });
await pool.start();
const kinds: string[] = [];
for (let index = 0; index < 2; index++) kinds.push((await pool.run(turnOf(hash))).ending.kind);
const { level, message, fields } = await shop.logged("nothing caught");
console.log(JSON.stringify({ kinds, level, message, fields }));
await shop.drop();
