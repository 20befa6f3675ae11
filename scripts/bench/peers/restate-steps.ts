/** The worker's process: the steps as a service of their own. */
import * as restate from "@restatedev/restate-sdk";

const steps = restate.service({
  name: "steps",
  handlers: { step: async (_context: restate.Context, _data: object) => ({ ok: true }) },
});

export type Steps = typeof steps;

if (import.meta.main) await restate.serve({ services: [steps], port: Number(process.env["PORT"]) });
