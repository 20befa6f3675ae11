/** BullMQ's workers on every queue of the benchmark; what a step does is passed in. */
import { type Job, Worker } from "bullmq";
import { connection, QUEUES } from "./bullmq-queues.ts";

// Tried from 50 to 500: from 100 on it makes no difference that can be told.
const CONCURRENCY = Number(process.env["CONCURRENCY"] ?? 200);

export function connectWorkers(step: (job: Job) => Promise<object>): readonly Worker[] {
  const options = { connection, concurrency: CONCURRENCY };
  return [
    new Worker(QUEUES.one, step, options),
    new Worker(QUEUES.three, step, options),
    new Worker(QUEUES.inner, step, options),
    new Worker(QUEUES.fan, async (job) => ({ gathered: Object.keys(await job.getChildrenValues()).length }), options),
  ];
}
