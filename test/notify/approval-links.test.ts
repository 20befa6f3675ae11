import { describe, expect, test } from "bun:test";
import { type ApprovalTicket, createApprovalLinks } from "../../src/notify/approval-links.ts";
import { createButtons } from "../../src/notify/telegram-buttons.ts";
import { Refusal } from "../../src/system/errors.ts";
import { ManualTime } from "../support/manual-time.ts";
import { idOf } from "../storage/sample.ts";

const HOUR_MS = 3_600_000;
const TICKET: ApprovalTicket = { jobId: idOf(1), visit: 3 };
const ONE: ApprovalTicket = { ...TICKET, decision: "ja, sofort ✓" };

function stage(secret = 1) {
  const time = new ManualTime();
  const links = createApprovalLinks({
    secret: new Uint8Array(32).fill(secret),
    clock: time,
    lifetimeMs: HOUR_MS,
    publicUrl: () => "https://jobs.example",
  });
  const tokenOf = (ticket: ApprovalTicket, untilMs?: number) => links.url(ticket, untilMs).split("/").at(-1) ?? "";
  const codeOf = (token: string) => {
    try {
      links.read(token);
      return "fine";
    } catch (error) {
      return error instanceof Refusal ? error.code : String(error);
    }
  };
  return { time, links, tokenOf, codeOf };
}

describe("a link to decide", () => {
  test("leads to this server and says which visit of which job it is for", () => {
    const { links, tokenOf } = stage();
    expect(links.url(TICKET, undefined)).toStartWith(`https://jobs.example/_public/approvals/${idOf(1)}.3.`);
    expect(links.read(tokenOf(TICKET))).toEqual(TICKET);
    expect(links.read(tokenOf(ONE))).toEqual(ONE);
  });

  test("is refused when any of its characters is another one, or missing", () => {
    const { tokenOf, codeOf } = stage();
    const token = tokenOf(ONE);
    for (let index = 0; index < token.length; index++) {
      const other = token[index] === "A" ? "B" : "A";
      expect(codeOf(token.slice(0, index) + other + token.slice(index + 1))).toBe("LINK_INVALID");
      expect(codeOf(token.slice(0, index) + token.slice(index + 1))).toBe("LINK_INVALID");
    }
    for (const odd of ["", ".", "....", `${token}.`, `${token}A`, "x".repeat(10_000)]) {
      expect(codeOf(odd)).toBe("LINK_INVALID");
    }
  });

  test("of another server is refused", () => {
    expect(stage(2).codeOf(stage(1).tokenOf(TICKET))).toBe("LINK_INVALID");
  });

  test("expires after its time, or when the job waits no longer if that is sooner", () => {
    const { time, tokenOf, codeOf } = stage();
    const [long, short] = [tokenOf(TICKET, time.nowMs() + 9 * HOUR_MS), tokenOf(TICKET, time.nowMs() + 60_000)];
    time.advance(60_000);
    expect([codeOf(long), codeOf(short)]).toEqual(["fine", "LINK_EXPIRED"]);
    time.advance(HOUR_MS);
    expect(codeOf(long)).toBe("LINK_EXPIRED");
  });
});

describe("what a button of Telegram carries", () => {
  const buttons = createButtons(new Uint8Array(32).fill(1));

  test("comes back as it was, in at most 64 bytes", () => {
    const button = { jobId: idOf(0xfffffffff), visit: 2 ** 31, index: 99 };
    const data = buttons.data(button);
    expect(Buffer.byteLength(data)).toBeLessThanOrEqual(64);
    expect(buttons.read(data)).toEqual(button);
  });

  test("is none of ours when it was changed, or made by somebody else", () => {
    const data = buttons.data({ jobId: idOf(1), visit: 1, index: 0 });
    for (let index = 0; index < data.length; index++) {
      const other = data[index] === "A" ? "B" : "A";
      expect(buttons.read(data.slice(0, index) + other + data.slice(index + 1))).toBeUndefined();
    }
    expect(buttons.read("")).toBeUndefined();
    expect(createButtons(new Uint8Array(32)).read(data)).toBeUndefined();
  });
});
