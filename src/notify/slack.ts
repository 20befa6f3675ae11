/** Asks in a channel of Slack, by its incoming webhook: such a message can hold links, but cannot be changed later. */
import type { ApprovalAsked } from "../job/approval.ts";
import type { Timers } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import type { ApprovalLinks } from "./approval-links.ts";
import { deliveryOf } from "./outgoing.ts";
import type { Delivery, Integration } from "./port.ts";
import { post } from "./post.ts";
import { closedText, questionText } from "./wording.ts";

export interface SlackParts {
  readonly url: URL;
  readonly links: ApprovalLinks;
  readonly timers: Timers;
}

/** Of one section of a message. */
const TEXT_MAX = 2_800;

export function createSlack({ url, links, timers }: SlackParts): Integration {
  async function say(text: string, signal: AbortSignal, more: readonly string[] = []): Promise<Delivery> {
    const blocks = [text, ...more].map((part) => ({ type: "section", text: { type: "mrkdwn", text: part } }));
    try {
      const answer = await post({ url, body: JSON.stringify({ text, blocks }), headers: {}, signal, timers });
      return deliveryOf(answer, url);
    } catch (error) {
      return { type: "failed", error: `${url.host} ${messageOf(error)}`, isDown: true };
    }
  }

  /** As many as fit; the page that the last one opens has them all. */
  function linksFor(jobId: string, { visit, decisions, untilMs }: ApprovalAsked): string {
    const page = `<${links.url({ jobId, visit }, untilMs)}|look and decide>`;
    let text = "";
    for (const decision of decisions) {
      const link = `<${links.url({ jobId, visit, decision }, untilMs)}|${escaped(decision)}>   `;
      if (text.length + link.length + page.length > TEXT_MAX) break;
      text += link;
    }
    return text + page;
  }

  return {
    ask: (row, asked, signal) => {
      const text = questionText(asked, row.jobId, TEXT_MAX / 2);
      return say(escaped(text), signal, [linksFor(row.jobId, asked)]);
    },
    close: (row, closed, signal) => say(escaped(closedText(closed, row.jobId, TEXT_MAX / 2)), signal),
  };
}

/** Anything else that looks like markup is left to Slack. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
