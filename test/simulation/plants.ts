/**
 * Bugs that are put in on purpose, each a change of one place of the sources. The simulator is
 * worth what it finds of them.
 */
import type { WorkerKind } from "./mishaps.ts";

export interface Plant {
  readonly name: string;
  readonly file: string;
  /** Has to be there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** To be found in worlds about this fault; left out: in those where anything may happen. */
  readonly kind?: WorkerKind;
}

const DECIDE = "actors/job/decide.ts";
const ACTOR = "actors/job/actor.ts";
const WORKER = "actors/worker-registry/worker.ts";

const START = "actors/job/start.ts";
const RETRY = "actors/job/retry.ts";
const EVENTS = "actors/job/worker-events.ts";
const SCHEDULE = "actors/schedules/run.ts";
const RETENTION = "actors/scheduler/retention.ts";

export const PLANTS: readonly Plant[] = [
  {
    name: "after a restart a gate forgets who is in",
    file: "actors/gate/opening.ts",
    find: 'tell({ type: job.gate.isIn ? "entered" : "arrived", place: place(job), isOld: true });',
    replace: 'if (!job.gate.isIn) tell({ type: "arrived", place: place(job), isOld: true });',
  },
  {
    name: "a gate opens before it knows who is in",
    file: "actors/gate/decide.ts",
    find: "if (this.#gone || this.#paused.has(group.blueprint)) return [];",
    replace: "if (this.#paused.has(group.blueprint)) return [];",
  },
  {
    name: "that a job was let in is not written",
    file: START,
    find: 'draft.set({ gate: { ...gate, isIn: true }, status: "running" });',
    replace: "draft.needsTurn = true;",
  },
  {
    name: "a job that is over keeps its place at the gate",
    file: "actors/job/draft.ts",
    find: 'if (this.job.gate) this.after.push({ type: "leave-gate" });',
    replace: "",
  },
  {
    name: "a child waits behind its own parent",
    file: "actors/gate/entry.ts",
    find: "return job.within?.includes(groupName(job.blueprint, place)) ? undefined : place;",
    replace: "return place;",
  },
  {
    name: "a retried job begins without its turn",
    file: "actors/job/retry.ts",
    find: "if (!comesToStart(draft) && !comesToGate(draft)) draft.needsTurn = true;",
    replace: "draft.needsTurn = true;",
  },
  {
    name: "a pause is forgotten by a restart",
    file: "actors/tree.ts",
    find: "for (const [blueprint, sinceMs] of await storage.registers.pauses()) {",
    replace: "for (const [blueprint, sinceMs] of new Map<string, number>()) {",
  },
  {
    name: "a result that is ignored costs its worker",
    file: DECIDE,
    find: 'return draft.ignore(reply, "stale_task", "This attempt was',
    replace:
      'draft.after.push({ type: "judge-worker", workerId: result.workerId, deed: "failure" }); return draft.ignore(reply, "stale_task", "This attempt was',
  },
  {
    name: "an event of a worker that comes again counts again",
    file: "actors/job/worker-events.ts",
    find: "if (event.id !== undefined && wait.eventIds?.includes(event.id)) return ACCEPTED;",
    replace: "",
  },
  {
    name: "an event of a worker is answered and not written",
    file: "actors/job/worker-events.ts",
    find: "  note(draft, message, wait);\n",
    replace: "  if (draft.job.version % 3 !== 0) note(draft, message, wait);\n",
  },
  {
    name: "the attempt is not compared in the fence",
    file: DECIDE,
    find: "return wait && wait.attempt === handOut.attempt ? wait : undefined;",
    replace: "return wait;",
  },
  {
    name: "a result of a delivery that was replaced counts",
    file: DECIDE,
    find: "return wait?.delivery === undefined || wait.delivery.taskId === taskId ? wait : undefined;",
    replace: "return wait;",
  },
  {
    name: "a unit is acknowledged before it is written",
    file: "src/storage/group-commit.ts",
    find: "group.waiting.push(told);",
    replace: "group.waiting.push(told); told.ok();",
  },
  {
    name: "a result is answered before its commit",
    file: DECIDE,
    find: 'draft.after.push({ type: "answer-result", reply, answer });',
    replace: "reply.ok(answer);",
  },
  {
    name: "what a commit queues is dropped for some branches",
    file: "actors/errands.ts",
    find: 'dispatcher.tell({ type: "queue", task: queuedTask(job, after.wait, after.visit, after.again) });',
    replace:
      'if (after.wait.slot !== 1) dispatcher.tell({ type: "queue", task: queuedTask(job, after.wait, after.visit, after.again) });',
  },
  {
    name: "a wake-up is kept in memory only",
    file: ACTOR,
    find: "      wakeAtMs: this.#wakeAtMs,\n",
    replace: "",
  },
  {
    name: "a retry's pause is left out of what is woken",
    file: "actors/job/wake.ts",
    find: "wait.notBeforeMs !== undefined && !wait.delivery) soonest",
    replace: "wait.notBeforeMs === -1) soonest",
  },
  {
    name: "a hand-out is not written before a re-delivery",
    file: WORKER,
    find: "if (!task.again) return this.#send(lease, context);",
    replace: "if (!task.again || task.attempt > 0) return this.#send(lease, context);",
  },
  {
    name: "after a restart nobody remembers that a task may have been handed out",
    file: "actors/job/resume.ts",
    find: 'return { type: "queue", wait, visit, again: true };',
    replace: 'return { type: "queue", wait, visit, again: false };',
  },
  {
    name: "a restart of the server burns attempts",
    file: WORKER,
    find: '    lease.recorded = true;\n    lease.lossReason = "handed_back";',
    replace: '    lease.recorded = true;\n    lease.lossReason = "worker_lost";',
  },
  {
    name: "a server that stood still lets leases run out",
    file: "actors/worker-registry/attended.ts",
    find: "attendedMs += gapMs > STALL_MS ? SAMPLE_MS : elapsedMs;",
    replace: "attendedMs += elapsedMs;",
  },
  {
    name: "a result is merged again into every later handler",
    file: "actors/job/turn.ts",
    find: "  job.merge = undefined;\n",
    replace: "",
  },
  {
    name: "the cancel flag is not stored",
    file: DECIDE,
    find: "  draft.set({ cancelRequestedAtMs: draft.nowMs });\n",
    replace: "",
  },
  {
    name: "a result that comes after a cancel still counts",
    file: "actors/job/outcomes.ts",
    find: 'draft.job.cancelRequestedAtMs === undefined ? outcomeOf(result) : ({ kind: "cancelled" } as const)',
    replace: "outcomeOf(result)",
  },
  {
    name: "a branch that has its result can be counted again",
    file: "actors/job/draft.ts",
    find: "return branch && !branch.result && !isChildWait(branch.wait) ? branch.wait : undefined;",
    replace: "return branch && !isChildWait(branch.wait) ? branch.wait : undefined;",
  },
  {
    name: "the idempotency key is written in a unit of its own",
    file: ACTOR,
    find: "(this.#creation?.joint ?? this.parts.journal).write(this.#unit(draft), committing);",
    replace:
      "const told = committing; this.parts.journal.commit({ ...this.#unit(draft), idempotency: undefined }).then(() => draft.idempotency ? this.parts.journal.commit({ jobs: [], idempotency: draft.idempotency }) : undefined).then(() => told.ok(), (error) => told.fail(error));",
  },
  {
    name: "a batch is written without its last job",
    file: "actors/job/joint.ts",
    find: "if (this.#missing === 0) this.#write();",
    replace: "if (this.#missing === 1) this.#write();",
  },
  {
    name: "a batch is acknowledged before it is on disk",
    file: "actors/job/joint.ts",
    find: ".then(this.#written.resolve, this.#written.reject);",
    replace: ".catch(() => undefined);\n    this.#written.resolve();",
  },
  {
    name: "the recovery stops at the first error",
    file: "actors/scheduler/sweep.ts",
    find: "nextMs = RETRY_MS;",
    replace: "nextMs = this.#endOfRound();",
  },
  {
    name: "what a commit that failed would have made is kept in memory",
    file: ACTOR,
    find: "    const draft = this.#draft;\n    this.#draft = undefined;\n    this.#early = undefined;\n",
    replace:
      "    const draft = this.#draft;\n    this.#draft = undefined;\n    this.#early = undefined;\n    if (draft) this.#state = stateAfter(draft);\n",
  },
  {
    name: "a chain that was paused is not continued",
    file: ACTOR,
    find: 'case "continue":\n        context.self.tell({ type: "recover" });\n',
    replace: 'case "continue":\n',
  },
  {
    name: "the first handler is forgotten when a creation is committed alone",
    file: ACTOR,
    find: "if (this.#early) return this.#takeEarly(context);",
    replace: "this.#early = undefined;",
  },
  {
    name: "a result counts for whichever job it names",
    file: WORKER,
    find: "const lease = known?.task.jobId === result.jobId ? known : undefined;",
    replace: "const lease = known;",
  },
  {
    name: "a parked task whose body comes is not put in line",
    file: "actors/dispatcher/decide.ts",
    find: "      this.#held.set(held);\n      this.#keepWhole(held, line);\n",
    replace: "      this.#held.set(held);\n",
  },
  {
    name: "a parked task is forgotten when its bytes are freed",
    file: "actors/dispatcher/decide.ts",
    find: "    line.parked.push(row);\n",
    replace: "    if (line.parked.size < 3) line.parked.push(row);\n",
  },
  {
    name: "parked tasks leave in the order in which they came back",
    file: "actors/dispatcher/parked.ts",
    find: "      floatAt(this.#columns.queuedAtMs, a) - floatAt(this.#columns.queuedAtMs, b) ||\n",
    replace: "",
  },
  {
    name: "parked tasks of jobs that have begun do not go first",
    file: "actors/dispatcher/parked.ts",
    find: "      (flagsAt(this.#columns.flags, b) & BEGUN) - (flagsAt(this.#columns.flags, a) & BEGUN) ||\n",
    replace: "",
  },
  {
    name: "bodies that the store did not give are not asked for again",
    file: "actors/dispatcher/bodies.ts",
    find: "      if (this.#stopped) return;\n",
    replace: "      if (!this.#stopped) return;\n",
  },
  {
    name: "a parked task is handed out after a restart as if nobody could have it",
    file: "actors/dispatcher/parked.ts",
    find: "    const again = (flagsAt(this.#columns.flags, row) & AGAIN) !== 0;\n",
    replace: "    const again = false;\n",
  },
  {
    name: "branches are left out of the recovery",
    file: "actors/scheduler/recovery.ts",
    find: '  if (facts.parallel) return "branches";\n',
    replace: "  if (facts.parallel) return [];\n",
  },
  {
    name: "a worker that polls before it registers is never told to register",
    file: "actors/workers.ts",
    find: "if (!isRegistered(workerId) && !saysWhatItDoes(said)) {",
    replace: "if (!directory.has(workerId) && !saysWhatItDoes(said)) {",
  },
  {
    name: "what a turn read of a data store is not compared when it is applied",
    file: "actors/stores/values.ts",
    find: "return reads.every(([key, version]) => (this.#entries.get(key)?.version ?? 0) === version);",
    replace: "return true;",
  },
  {
    name: "a failed group keeps what was admitted to a data store in memory",
    file: "actors/stores/open-store.ts",
    find: "if (!wasWritten) this.#isAhead = true;",
    replace: "",
  },
  {
    name: "a handler's reads of a data store are forgotten",
    file: "src/blueprint/data-stores.ts",
    find: "reads: [...this.#reads].map(([key, { version }]) => [key, version] as const),",
    replace: "reads: [],",
  },
  {
    name: "that the keys of a data store were listed is forgotten",
    file: "src/blueprint/data-stores.ts",
    find: "this.#keySet ??= version;",
    replace: "",
  },
  {
    name: "what a handler wrote before it threw is kept",
    file: "src/blueprint/execute.ts",
    find: "    run.recorder.close();\n",
    replace: "    run.recorder.close();\n    this.#stores?.keep();\n",
  },
  {
    name: "after a restart nobody remembers which initial values were written",
    file: "actors/stores/open-store.ts",
    find: "for (const key of stored?.seeded ?? []) values.seeded.add(key);",
    replace: "",
  },
  {
    name: "a job that is over stays in the line of a data store",
    file: "actors/stores/stores.ts",
    find: "    run.isOver = true;\n    this.#release(run);\n",
    replace: "    run.isOver = true;\n",
  },
  {
    name: "what is to be told of a job's end is not written with it",
    file: ACTOR,
    find: "      outbox: draft.outbox.length > 0 ? draft.outbox : undefined,\n",
    replace: "",
  },
  {
    name: "a message that is refused is forgotten",
    file: "actors/outbox/decide.ts",
    find: 'return [{ type: "put-off", id, attempts, dueAtMs: nowMs + waitMs, error }];',
    replace: 'return [{ type: "remove", id }];',
  },
  {
    name: "what was delivered while the store was read is sent once more",
    file: "actors/outbox/actor.ts",
    find: "rows.filter((row) => !this.#endedMeanwhile.has(row.id))",
    replace: "rows",
  },
  {
    name: "messages that lie in the store at a start are not sent",
    file: "actors/tree.ts",
    find: '      outbox.tell({ type: "start" });\n',
    replace: "",
  },
  {
    name: "a timer is not among what wakes a job",
    file: "actors/job/wake.ts",
    find: "if (job.pause?.dueAtMs !== undefined) soonest",
    replace: "if (job.pause?.dueAtMs === -1) soonest",
  },
  {
    name: "a child's end is told to its parent once, and never looked up",
    file: "actors/families.ts",
    find: "if (child && isTerminal(child.status)) this.tellParent(child, parentId);",
    replace: "",
  },
  {
    name: "the end of a child counts for whichever child is waited for",
    file: "actors/job/children.ts",
    find: "draft.openChildren().find(({ childId }) => childId === message.childId)",
    replace: "draft.openChildren()[0]",
  },
  {
    name: "a request that is sent again is carried out again",
    file: "actors/job/pauses.ts",
    find: "return key !== undefined && job.answered?.includes(key) === true;",
    replace: 'return key === "" && job.answered?.includes(key) === true;',
  },
  {
    name: "an event that comes early is acknowledged and forgotten",
    file: "actors/job/pauses.ts",
    find: "  draft.set({ early });\n",
    replace: "",
  },
  {
    name: "a decision about an earlier wait decides the one at hand",
    file: "actors/job/pauses.ts",
    find: "if (asked === undefined || asked === visit) return pause;",
    replace: "return pause;",
  },
  {
    name: "a join of some counts branches that failed",
    file: "actors/job/outcomes.ts",
    find: "{ good: good + (isGood ? 1 : 0) }",
    replace: "{ good: good + 1 }",
  },
  {
    name: "a retried job takes the turn of the run before",
    file: START,
    find: "  if (gate.visit !== visit) return;\n",
    replace: "",
  },
  {
    name: "a retried aggregator is given nothing",
    file: RETRY,
    find: "aggregation: job.failedAggregation,",
    replace: "aggregation: undefined,",
  },
  {
    name: "a retry goes on where the job ended, not where it failed",
    file: RETRY,
    find: "const state = job.failedIn ?? job.state;",
    replace: "const state = job.state;",
  },
  {
    name: "what led to a bad end is forgotten from one unit to the next",
    file: "actors/job/turn.ts",
    find: "draft.job.cameFrom ?? {",
    replace: "{",
  },
  {
    name: "a retried job keeps the deadline of the run that failed",
    file: RETRY,
    find: "    deadlineAtMs: undefined,\n",
    replace: "",
  },
  {
    name: "a retried child is a child still",
    file: RETRY,
    find: "isAlone: job.parentId === undefined ? undefined : true,",
    replace: "isAlone: undefined,",
  },
  {
    name: "what the handler that failed had been brought is gone at its retry",
    file: "actors/job/draft.ts",
    find: "    // What the handler at hand was given and never used is kept: a retry runs it again.\n",
    replace: "    job.merge = undefined;\n",
  },
  {
    name: "a rerun begins at the start, whatever was asked for",
    file: "actors/jobs.ts",
    find: "    ...(fromState !== undefined && { state: fromState }),\n",
    replace: "",
  },
  {
    name: "a rerun that is asked for again makes another job",
    file: "actors/jobs.ts",
    find: "key === undefined ? undefined : { key: `rerun:${id}:${key}`, bodyHash: JSON.stringify(changes) };",
    replace: "undefined;",
  },
  {
    name: "of many jobs those that could not be changed are told as changed",
    file: "src/http/many-jobs.ts",
    find: "fitting.filter(({ id }) => !refused.has(id))",
    replace: "fitting",
  },
  {
    name: "a parent cancels a child that was retried by itself",
    file: ACTOR,
    find: "return isParents === true && job?.isAlone === true;",
    replace: "return false;",
  },
  {
    name: "a worker's event counts for whichever task its job waits for",
    file: DECIDE,
    find: "event.taskId === undefined ? undefined : waitOfTask(draft, event.taskId, workerId);",
    replace: "draft.openWaits()[0];",
  },
  {
    name: "a worker's event moves a job that is being cancelled",
    file: EVENTS,
    find: "if (!wait || draft.job.cancelRequestedAtMs !== undefined) {",
    replace: "if (!wait) {",
  },
  {
    name: "a branch that went on at its worker's event is open still",
    file: EVENTS,
    find: "collect(draft, wait, { taskId, json:",
    replace: "if (wait.slot > 0) collect(draft, wait, { taskId, json:",
  },
  {
    name: "a due time is settled before it has its job",
    file: SCHEDULE,
    find: "await this.#settle(dueMs, await this.#create({ due_at: isoTime(dueMs) }, idempotency), key);",
    replace: 'await this.#settle(dueMs, "none"); await this.#create({ due_at: isoTime(dueMs) }, idempotency);',
  },
  {
    name: "a due time's job is made without a key",
    file: SCHEDULE,
    find: "await this.#create({ due_at: isoTime(dueMs) }, idempotency)",
    replace: "await this.#create({ due_at: isoTime(dueMs) }, undefined)",
  },
  {
    name: "after a restart nobody remembers how far a schedule was",
    file: "actors/schedules/schedules.ts",
    find: "for (const [name, state] of await ledger.read()) others.set(name, state);",
    replace: "await ledger.read();",
  },
  {
    name: "a schedule that could not run is not looked at again",
    file: SCHEDULE,
    find: "      this.#nextMs = nowMs + RETRY_MS;\n",
    replace: "      this.#nextMs = undefined;\n",
  },
  {
    name: "a schedule that is triggered again under its key makes another job",
    file: SCHEDULE,
    find: "idempotencyKey === undefined ? undefined : { key: `${name}\\n${idempotencyKey}`, bodyHash: name };",
    replace: "undefined;",
  },
  {
    name: "some of the old jobs are left where they are",
    file: RETENTION,
    find: "for (const trees of portions(found.trees)) await this.#remove(trees, endedBeforeMs);",
    replace:
      "for (const trees of portions(found.trees)) if (trees.length % 2 === 0) await this.#remove(trees, endedBeforeMs);",
  },
  {
    name: "jobs go when they have ended, whenever that was",
    file: RETENTION,
    find: "const endedBeforeMs = this.#nowMs() - keptMs;",
    replace: "const endedBeforeMs = this.#nowMs();",
  },
  {
    name: "a worker that died keeps its tasks",
    kind: "worker-killed",
    file: "actors/worker-registry/leases.ts",
    find: "  lease.lostAtMs = Math.max(lostAtMs, (lease.vouchedAtMs ?? Number.NEGATIVE_INFINITY) + REPORT_GRACE_MS);\n",
    replace: "",
  },
  {
    name: "a process that polls and was killed keeps its tasks though another one has come",
    kind: "worker-replaced",
    file: "actors/worker-registry/leases.ts",
    find: "startLoss(lease, Math.min(knownMs, reportByMs));",
    replace: "return;",
  },
  {
    name: "a process that polls has no time to say what it runs when another one comes",
    kind: "worker-replaced",
    file: "actors/worker-registry/reconnection.ts",
    find: "reportByMs: nowMs + MISSED_BEATS * reconnectMs",
    replace: "reportByMs: nowMs",
  },
  {
    name: "a process that says that it runs a task loses it all the same when another one has come",
    kind: "worker-replaced",
    file: "actors/worker-registry/leases.ts",
    find: "        tellWho(lease, caller, nowMs);\n        keep(lease);",
    replace: "        tellWho(lease, caller, nowMs);",
  },
  {
    name: "a worker that wakes may go on with a task that was given up",
    kind: "worker-frozen",
    file: DECIDE,
    find: "if (!wait || !isSameWait(parts, wait.slot, job.visit, wait.attempt)) return undefined;",
    replace: "if (!wait) return undefined;",
  },
  {
    name: "a late answer counts for the attempt that followed",
    kind: "worker-late",
    file: DECIDE,
    find: "return wait && wait.attempt === handOut.attempt ? wait : undefined;",
    replace: "return wait;",
  },
  {
    name: "a second answer of a branch is counted beside the first",
    kind: "worker-twice",
    file: "actors/job/draft.ts",
    find: "return branch && !branch.result && !isChildWait(branch.wait) ? branch.wait : undefined;",
    replace: "return branch && !isChildWait(branch.wait) ? branch.wait : undefined;",
  },
  {
    name: "when a worker was last heard is taken from its own clock",
    kind: "worker-clock",
    file: WORKER,
    find: '    if (!body) return { status: "ttl_refreshed", ...this.#cancelled() };\n',
    replace:
      '    if (!body) return { status: "ttl_refreshed", ...this.#cancelled() };\n    this.#lastHeardMs += Number(body["timestamp"]) * 1_000 - this.parts.nowMs();\n',
  },
];
