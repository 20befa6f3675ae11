/** What a button of a message carries: which decision of which job. At most 64 bytes, and only we can make it. */
import { formatUuid, isUuid, parseUuid } from "../system/ids.ts";
import { createSeal } from "./keys.ts";

export interface Button {
  readonly jobId: string;
  readonly visit: number;
  /** Among the decisions that were offered. */
  readonly index: number;
}

export interface Buttons {
  data(button: Button): string;
  /** Undefined: none of ours. */
  read(data: string): Button | undefined;
}

export function createButtons(secret: Uint8Array): Buttons {
  const seal = createSeal(secret, "telegram button", 12);
  return {
    data({ jobId, visit, index }) {
      const facts = `${Buffer.from(parseUuid(jobId)).toString("base64url")}.${visit.toString(36)}.${index.toString(36)}`;
      return `${facts}.${seal.of(facts)}`;
    },
    read(data) {
      const end = data.lastIndexOf(".");
      const facts = data.slice(0, Math.max(0, end));
      if (!seal.fits(facts, data.slice(end + 1))) return undefined;
      const [job = "", visit = "", index = ""] = facts.split(".");
      const jobId = formatUuid(Buffer.from(job, "base64url"));
      return isUuid(jobId)
        ? { jobId, visit: Number.parseInt(visit, 36), index: Number.parseInt(index, 36) }
        : undefined;
    },
  };
}
