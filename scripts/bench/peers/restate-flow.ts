/** The flows' process: each step is called in another service. Tells on a port of its own how many flows have ended. */
import * as restate from "@restatedev/restate-sdk";
import type { Steps } from "./restate-steps.ts";

let finished = 0;

const steps: Steps = { name: "steps" };
const FINISHED = { status: "finished" };

const flow = restate.service({
  name: "flow",
  handlers: {
    async one(context: restate.Context, data: object) {
      await context.serviceClient(steps).step(data);
      finished += 1;
      return FINISHED;
    },
    async three(context: restate.Context, data: object) {
      await context.serviceClient(steps).step(data);
      await context.serviceClient(steps).step(data);
      await context.serviceClient(steps).step(data);
      finished += 1;
      return FINISHED;
    },
    async fan(context: restate.Context, { count }: { count: number }) {
      const calls = Array.from({ length: count }, (_, index) => context.serviceClient(steps).step({ index }));
      await restate.RestatePromise.all(calls);
      return FINISHED;
    },
  },
});

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["COUNT_PORT"]),
  fetch: () => new Response(`finished ${finished}`),
});
await restate.serve({ services: [flow], port: Number(process.env["PORT"]) });
