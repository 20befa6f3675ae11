/** The worker's process, connected to Redis as BullMQ's workers are. */
import { connectWorkers } from "./bullmq-workers.ts";

connectWorkers(async () => ({ ok: true }));
