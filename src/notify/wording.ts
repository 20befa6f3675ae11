/** What people read, whatever it is sent with. */
import type { ApprovalAsked, ApprovalClosed, ApprovalEnd } from "../job/approval.ts";

type About = Pick<ApprovalAsked, "blueprint" | "state" | "message">;

/** `room`: characters that the channel takes. */
export function questionText({ message, blueprint, state }: About, jobId: string, room: number): string {
  const about = `\n\n${blueprint}, ${state}, job ${jobId}`;
  return shortened(message, room - about.length) + about;
}

export function closedText(closed: ApprovalClosed, jobId: string, room: number): string {
  const end = `\n\n${endText(closed.end)}`;
  const shown = shortened(end, Math.floor(room / 2));
  return questionText(closed, jobId, room - shown.length) + shown;
}

export function endText(end: ApprovalEnd): string {
  switch (end.type) {
    case "decided": {
      const comment = end.comment === undefined ? "" : `: ${end.comment}`;
      return `Decided: ${end.decision}, by ${end.by} (${end.through})${comment}`;
    }
    case "timeout":
      return "Nobody decided in time.";
    case "withdrawn":
      return "No decision is needed any more.";
    default:
      return end satisfies never;
  }
}

export function shortened(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1)).toWellFormed()}…`;
}
