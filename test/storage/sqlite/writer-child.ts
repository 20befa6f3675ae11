/** Run by tests as a process of its own: commits jobs and says on standard output which are acknowledged, until it is killed. */
import { idOf, next, sampleJob, unitOf } from "../sample.ts";
import { openStore } from "./open.ts";

const [folder = "", user] = process.argv.slice(2);
// Files of another user cannot be written, whoever runs the tests.
if (user !== undefined) process.setuid?.(Number(user));

try {
  const { journal } = await openStore(folder);
  for (let round = 0; ; round++) {
    const jobs = Array.from({ length: 20 }, (_, index) => sampleJob(idOf(round * 20 + index + 1)));
    await Promise.all(
      jobs.map(async (job) => {
        await journal.commit(unitOf(job));
        process.stdout.write(`${job.id} 1\n`);
        await journal.commit(unitOf(next(job, { status: "finished" })));
        process.stdout.write(`${job.id} 2\n`);
      }),
    );
  }
} catch (error) {
  process.stdout.write(`${JSON.stringify(error, ["code", "message"])}\n`);
}
