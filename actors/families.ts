/**
 * Parents and children. Each is its own job with its own actor; what one must know of the other is
 * told after a commit, and looked up again in the store where the telling may have been lost.
 */
import type { ChildOrder } from "../src/handlers/port.ts";
import { isChildWait, isTerminal, type Job, type JobError } from "../src/job/model.ts";
import { ownResult } from "../src/job/result-text.ts";
import { compileSchema, type SchemaCheck } from "../src/protocol/schema.ts";
import type { ActorSystem, Region } from "../src/runtime/types.ts";
import type { JobReader } from "../src/storage/port.ts";
import { messageOf, Refusal } from "../src/system/errors.ts";
import { shardOf } from "../src/system/ids.ts";
import type { Timers } from "../src/system/clock.ts";
import type { Log } from "../src/system/log.ts";
import { groupsWithin } from "./gate/entry.ts";
import type { JobMessage } from "./job/messages.ts";
import { newJob, type NewJobParts } from "./new-job.ts";

export interface FamilyParts extends NewJobParts {
  readonly actors: ActorSystem;
  readonly region: () => Region<JobMessage>;
  readonly reader: JobReader;
  readonly timers: Timers;
  readonly log: Log;
}

/** So many parents may stand above a job: a blueprint that runs itself would never end. */
const DEPTH_MAX = 10;
const ASK_MS = 30_000;
const CANCEL_AGAIN_MS = 10_000;
/** How often, and how far apart, a parent is looked at that has not taken its child's end. */
const SETTLE_LOOKS = 20;
const SETTLE_MS = 50;

export class Families {
  readonly #parts: FamilyParts;
  readonly #checks = new WeakMap<object, SchemaCheck>();
  #isStopped = false;

  constructor(parts: FamilyParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** A child for a handler that asked for one: pinned to the newest version of its blueprint, as any new job is. */
  child(parent: Job, { blueprint, initialData }: ChildOrder): Job | JobError {
    const depth = (parent.depth ?? 0) + 1;
    if (depth > DEPTH_MAX) return tooDeep(blueprint);
    const problem = this.#problemOf(blueprint, initialData);
    if (problem) return problem;
    const { priority, security, metadata, trace } = parent;
    const asked = {
      blueprint,
      initialData,
      ...(priority !== undefined && { priority }),
      ...(security !== undefined && { security }),
      ...(metadata !== undefined && { metadata }),
      ...(trace !== undefined && { trace }),
    };
    const child = newJob(this.#parts, parent.client, asked, shardOf(parent.id));
    return { ...child, parentId: parent.id, depth, within: groupsWithin(parent) };
  }

  #problemOf(blueprint: string, initialData: string): JobError | undefined {
    const manifest = this.#parts.catalog.current(blueprint);
    if (!manifest) {
      const message = `No blueprint named ${blueprint} is in service: add its file to the blueprints folder, or correct the name in runBlueprint.`;
      return { code: "BLUEPRINT_NOT_FOUND", message };
    }
    if (!manifest.inputSchema) return undefined;
    try {
      const [first] = this.#check(manifest.inputSchema)(JSON.parse(initialData), "initialData") ?? [];
      if (!first) return undefined;
      const message = `The child blueprint ${blueprint} refuses its input: ${first.path} ${first.message}.`;
      return { code: "INVALID_INPUT", message };
    } catch (error) {
      const message = `The input schema of the child blueprint ${blueprint} cannot be used: ${messageOf(error)}`;
      return { code: "SCHEMA_UNSUPPORTED", message };
    }
  }

  #check(schema: object): SchemaCheck {
    const known = this.#checks.get(schema);
    if (known) return known;
    const check = compileSchema(schema);
    this.#checks.set(schema, check);
    return check;
  }

  /** It is on disk, with its parent's wait for it; and may have been found there already, and gone on. */
  start(child: Job): void {
    this.#tell(child.id, { type: "recover" });
  }

  tellParent(child: Job, parentId: string): void {
    const { id: childId, status, state, error, stateHistory: history } = child;
    const result = ownResult(history);
    this.#tell(parentId, { type: "child-ended", childId, status, state, error, result, history });
  }

  /** Tells the parent again if it has ended. */
  lookAtChild(parentId: string, childId: string): void {
    this.#look("child", childId, (child) => {
      if (child && isTerminal(child.status)) this.tellParent(child, parentId);
      if (!child) this.#tell(parentId, lost(childId));
    });
  }

  /** A child that nobody waits for any more is cancelled. */
  lookAtParent(childId: string, parentId: string): void {
    this.#look("parent", parentId, async (parent) => {
      if (!parent || !(await this.#waitsFor(parent, childId))) this.cancel(childId);
    });
  }

  /**
   * Before a child that is over is taken up again by itself: its parent has to have taken its end, of
   * which nothing is left then. A parent that waited on would wait for ever, for a job that may wait for it.
   */
  async settle(child: Job): Promise<void> {
    const { id, parentId } = child;
    if (parentId === undefined || !isTerminal(child.status)) return;
    for (let look = 0; await this.#isAwaited(id, parentId); look++) {
      if (look === SETTLE_LOOKS || this.#isStopped) throw parentNotTold();
      this.tellParent(child, parentId);
      await new Promise<void>((resolve) => void this.#parts.timers.after(SETTLE_MS, resolve));
    }
  }

  async #isAwaited(childId: string, parentId: string): Promise<boolean> {
    const parent = await this.#parts.reader.load(parentId);
    return parent !== undefined && this.#waitsFor(parent, childId);
  }

  async #waitsFor(parent: Job, childId: string): Promise<boolean> {
    if (isTerminal(parent.status)) return false;
    if (parent.child) return parent.child.childId === childId;
    if (!parent.parallel) return false;
    const branches = await this.#parts.reader.branches(parent.id);
    return branches.some(({ wait, result }) => !result && isChildWait(wait) && wait.childId === childId);
  }

  cancel(childId: string): void {
    const { actors, region } = this.#parts;
    const asked = actors.ask<JobMessage, void>(
      region().ref(childId),
      (reply) => ({ type: "cancel", isParents: true, reply }),
      ASK_MS,
      "system",
    );
    asked.catch((error: unknown) => {
      if (error instanceof Refusal && (error.code === "JOB_TERMINAL" || error.code === "JOB_NOT_FOUND")) return;
      const facts = { job: childId, error: messageOf(error) };
      this.#parts.log.warn("A child could not be cancelled; it is tried again.", facts);
      this.#cancelLater(childId);
    });
  }

  /** Nobody else would: its parent has ended its wait for good, and runs perhaps no more. */
  #cancelLater(childId: string): void {
    if (this.#isStopped) return;
    const { timers, reader } = this.#parts;
    timers.after(CANCEL_AGAIN_MS, () => {
      if (this.#isStopped) return;
      reader.load(childId).then(
        (child) => {
          if (child && isUncancelled(child)) this.cancel(childId);
        },
        () => this.#cancelLater(childId),
      );
    });
  }

  #look(whom: string, id: string, found: (job: Job | undefined) => void | Promise<void>): void {
    this.#parts.reader
      .load(id)
      .then(found)
      .catch((error: unknown) => {
        this.#parts.log.warn(`The store did not say how a ${whom} stands; the sweep asks again.`, {
          job: id,
          error: messageOf(error),
        });
      });
  }

  #tell(id: string, message: JobMessage): void {
    this.#parts.region().ref(id).tell(message);
  }
}

/** A second cancel would end it without a handler. */
function isUncancelled({ status, cancelRequestedAtMs, isAlone }: Job): boolean {
  return !isTerminal(status) && cancelRequestedAtMs === undefined && !isAlone;
}

function tooDeep(blueprint: string): JobError {
  const message = `Blueprint ${blueprint} would be the ${DEPTH_MAX + 1}th inside another: look for blueprints that run each other in a circle.`;
  return { code: "TOO_DEEP", message };
}

function parentNotTold(): Refusal {
  const message = "The job that ran this one has not taken its end yet: try again in a second.";
  return new Refusal("PARENT_NOT_TOLD", 503, message, undefined, 1);
}

function lost(childId: string): JobMessage {
  const error = { code: "CHILD_LOST", message: "The child is not in the store any more." };
  return { type: "child-ended", childId, status: "error", state: "", error, history: "{}" };
}
