/** How many messages a second the actor machine passes: `bun scripts/bench/actors.ts [messages]`. */
import { createActorSystem } from "../../src/runtime/system.ts";
import type { ActorSystem, Ref } from "../../src/runtime/types.ts";
import { createRealSystem } from "../../src/system/real.ts";

const MESSAGES = Number(process.argv[2] ?? 4_000_000);
const WAVE = 8_000;
const KEYS = 1_000;

const { clock, timers, scheduler, log } = createRealSystem({
  write: (line) => process.stderr.write(`${line.message}\n`),
});

/** Fills mailboxes in waves that fit, each wave when the one before was read. */
function flood(refs: readonly Ref<number>[], read: () => number): Promise<number> {
  const startMs = clock.monotonicMs();
  return new Promise((resolve) => {
    const wave = (sent: number): void => {
      if (read() < sent) return scheduler.afterInput(() => wave(sent));
      if (sent >= MESSAGES) return resolve(clock.monotonicMs() - startMs);
      for (let index = 0; index < WAVE; index++) refs[index % refs.length]?.tell(index);
      scheduler.afterInput(() => wave(sent + WAVE));
    };
    wave(0);
  });
}

async function measure(name: string, setUp: (system: ActorSystem, read: (count: number) => void) => Ref<number>[]) {
  const system = createActorSystem({ clock, timers, scheduler, log });
  let count = 0;
  const refs = setUp(system, (more) => void (count += more));
  const tookMs = await flood(refs, () => count);
  await system.stop();
  process.stdout.write(`${name.padEnd(36)} ${(count / tookMs / 1000).toFixed(2)} million messages a second\n`);
}

await measure("tell, one actor", (system, read) => [
  system.spawn<number>({ name: "one", create: () => ({ receive: () => read(1) }) }),
]);

await measure("tell, one actor, batches of 256", (system, read) => [
  system.spawn<number>({
    name: "batch",
    batch: 256,
    create: () => ({ receive: () => read(1), receiveMany: (messages) => read(messages.length) }),
  }),
]);

await measure(`tell, a region with ${KEYS} keys`, (system, read) => {
  const create = () => ({ receive: () => read(1) });
  const region = system.region<number>({ name: "keys", idleMs: 60_000, maxActive: 2 * KEYS, create });
  return Array.from({ length: KEYS }, (_, key) => region.ref(String(key)));
});

await measure("two actors passing one message", (system, read) => {
  const partners: Ref<number>[] = [];
  for (const other of [1, 0]) {
    const receive = (message: number) => {
      read(1);
      // Each message of the wave starts a volley of so many.
      if (message % 16 !== 0) partners[other]?.tell(message - 1);
    };
    partners.push(system.spawn<number>({ name: `partner-${other}`, capacity: 100_000, create: () => ({ receive }) }));
  }
  return partners;
});
