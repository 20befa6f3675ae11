/** A job goes on with another version of its blueprint: what runs for it runs on, and its waits lead into the new one. */
import { isTerminal } from "../../src/job/model.ts";
import { migratedJob, migratedWait, type Misfit, StateMapping } from "../../src/job/migration.ts";
import { Refusal } from "../../src/system/errors.ts";
import type { Draft } from "./draft.ts";
import type { JobMessage } from "./messages.ts";

export type Migrate = Extract<JobMessage, { type: "migrate" }>;

export function takeMigrate(draft: Draft, message: Migrate): void {
  const { target, states, isDryRun, reply } = message;
  const { job } = draft;
  if (isTerminal(job.status)) {
    const text = `The job has ended as ${job.status} already: start another one with \`jobs rerun\`, which takes the newest version.`;
    return void draft.after.push({ type: "refuse", reply, error: new Refusal("JOB_TERMINAL", 409, text) });
  }
  const from = job.hash;
  const to = target.hash;
  if (from === to) {
    const migration = { status: "unchanged", from, to, state: job.state } as const;
    return void draft.after.push({ type: "answer-migration", reply, migration });
  }
  const mapping = new StateMapping(states, target);
  const change = migratedJob(job, mapping);
  const branches = draft.openBranches().map((wait) => migratedWait(wait, job.parallel?.into, mapping));
  if (mapping.misfits.length > 0) {
    return void draft.after.push({ type: "refuse", reply, error: misfit(mapping.misfits, to) });
  }
  const migration = { status: "migrated", from, to, state: change.state ?? job.state } as const;
  draft.after.push({ type: "answer-migration", reply, migration });
  if (isDryRun) return;
  draft.set({ ...change, hash: to });
  for (const wait of branches) draft.writeBranch({ slot: wait.slot, wait });
  draft.event({
    type: "job_migrated",
    state: migration.state,
    previous: job.state,
    status: job.status,
    extra: { migration: { from, to, states } },
  });
}

function misfit(misfits: readonly Misfit[], to: string): Refusal {
  const all = misfits.map(({ state, reason }) => `"${state}" (${reason})`).join("; ");
  const message = `The job does not fit version ${to.slice(0, 12)}: ${all}. Say by --map old=new what the states are called there.`;
  const details = { missing: misfits.map(({ state, reason }) => ({ state, reason })) };
  return new Refusal("MIGRATION_MISFIT", 409, message, details);
}
