/** A worker's process that keeps a result and holds its folder until it is killed. */
import { createRealSystem } from "../../../src/system/real.ts";
import { Shelf } from "../../../worker/shelf.ts";

const [, , folder = ""] = process.argv;
const shelf = new Shelf({ folder, workerId: "w/1", system: createRealSystem({ write: () => undefined }) });
shelf.put("http://a", "j", "t", "{}");
shelf.flush();
process.stdout.write("ready\n");
setInterval(() => shelf.size, 1000);
