import { describe, expect, test } from "bun:test";
import { createConnections, type Session } from "../../src/http/connections.ts";
import { Refusal } from "../../src/system/errors.ts";
import { capturedLog } from "../support/captured-log.ts";

const limits = { messageBytesMax: 1_000, unsentBytesMax: 1_000 };
const session: Session = {
  workerId: "w",
  isAdmitted: () => true,
  opened: () => undefined,
  message: () => undefined,
  closed: () => undefined,
};

function refusalOf(headers: Record<string, string>): unknown {
  const { upgrade } = createConnections(() => undefined, limits, capturedLog().log);
  try {
    upgrade(new Request("http://host/_worker/stream", { headers }), session);
  } catch (error) {
    return error instanceof Refusal ? { code: error.code, status: error.status } : error;
  }
  return undefined;
}

describe("a connection that is asked for while the server stops", () => {
  test("is refused for now: its worker comes again", () => {
    expect(refusalOf({ upgrade: "websocket" })).toEqual({ code: "SHUTTING_DOWN", status: 503 });
  });

  test("is refused for good where no socket was asked for", () => {
    expect(refusalOf({})).toEqual({ code: "UPGRADE_REQUIRED", status: 426 });
  });
});
