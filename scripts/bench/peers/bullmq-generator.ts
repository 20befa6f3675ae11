/** The load generator's process for BullMQ itself: its client library in the place of HTTP. */
import { PAYLOAD } from "../load/door.ts";
import { generate } from "../load/generator.ts";
import { openJobs } from "./bullmq-queues.ts";

const jobs = openJobs();
let batch: readonly object[] = [];

await generate({
  create: async (flow) => void (await jobs.add(flow, PAYLOAD)),
  createMany(count) {
    if (batch.length !== count) batch = Array.from({ length: count }, () => PAYLOAD);
    return jobs.addMany(batch);
  },
  finished: () => jobs.finished(),
  async createAndWait(flow) {
    await jobs.ended(flow, await jobs.add(flow, PAYLOAD));
  },
  async fanAndWait(steps) {
    await jobs.ended("fan", await jobs.addFan(steps));
  },
  close: () => jobs.close(),
});
