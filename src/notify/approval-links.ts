/**
 * Addresses under which a person decides without a token of ours. Whoever has the address may
 * decide, for one visit of one state of one job, until it expires; the visit moves on with the first
 * decision. Nothing of them is stored: they are made when they are sent, and checked by their seal.
 */
import type { Clock } from "../system/clock.ts";
import { Refusal } from "../system/errors.ts";
import { isUuid } from "../system/ids.ts";
import { createSeal } from "./keys.ts";

export interface ApprovalTicket {
  readonly jobId: string;
  readonly visit: number;
  /** For this decision alone; undefined: for any. */
  readonly decision?: string | undefined;
}

export interface ApprovalLinks {
  /** `untilMs`: when the job will wait no longer. */
  url(ticket: ApprovalTicket, untilMs: number | undefined): string;
  /** When links that are made now expire. */
  expiresAtMs(untilMs: number | undefined): number;
  /** Throws a Refusal: altered, or expired. */
  read(token: string): ApprovalTicket;
}

export interface ApprovalLinksParts {
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly lifetimeMs: number;
  /** Where people reach this server: asked when a link is made. */
  readonly publicUrl: () => string;
}

export const APPROVALS_PATH = "/_public/approvals";

export function createApprovalLinks({ secret, clock, lifetimeMs, publicUrl }: ApprovalLinksParts): ApprovalLinks {
  const seal = createSeal(secret, "approval link", 24);

  function expiresAtMs(untilMs: number | undefined): number {
    return Math.min(clock.nowMs() + lifetimeMs, untilMs ?? Number.POSITIVE_INFINITY);
  }

  return {
    expiresAtMs,
    url({ jobId, visit, decision = "" }, untilMs) {
      const expires = Math.ceil(expiresAtMs(untilMs) / 1000);
      const facts = `${jobId}.${visit}.${expires}.${Buffer.from(decision).toString("base64url")}`;
      return `${publicUrl()}${APPROVALS_PATH}/${facts}.${seal.of(facts)}`;
    },
    read(token) {
      const end = token.lastIndexOf(".");
      const facts = token.slice(0, Math.max(0, end));
      if (!seal.fits(facts, token.slice(end + 1))) throw altered();
      const [jobId = "", visit = "", expires = "", decision = ""] = facts.split(".");
      if (!isUuid(jobId)) throw altered();
      if (clock.nowMs() >= Number(expires) * 1000) throw expired();
      const ticket = { jobId, visit: Number(visit) };
      return decision === "" ? ticket : { ...ticket, decision: Buffer.from(decision, "base64url").toString() };
    },
  };
}

function altered(): Refusal {
  const message = "This link is not one of ours, or it was changed on its way: open it exactly as it was sent.";
  return new Refusal("LINK_INVALID", 403, message);
}

function expired(): Refusal {
  const message = "This link has expired: decide with the command line, the API or the dashboard.";
  return new Refusal("LINK_EXPIRED", 410, message);
}
