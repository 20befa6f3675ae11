/** Where scripts/start has its server listen: where somebody said, or else on the usual port if that is free. */
import { originOf, resolve, type Sources } from "../src/config/resolve.ts";
import { SERVE } from "../src/config/tables.ts";
import { Refusal } from "../src/system/errors.ts";

const TABLE = { port: SERVE.port } as const;

/** `listen` answers the port that it got, and undefined for one that is taken; 0 is any free one. */
export function choosePort(sources: Sources, listen: (port: number) => number | undefined): number {
  const { port } = resolve(TABLE, sources);
  const origin = originOf(TABLE, "port", sources);
  const got = listen(port) ?? (origin === undefined ? listen(0) : undefined);
  if (got !== undefined) return got;
  const advice = "stop what listens there, or choose another one (0: any free one)";
  throw new Refusal("PORT_TAKEN", 409, `Port ${port}${origin ? `, as ${origin} says,` : ""} is taken: ${advice}.`);
}
