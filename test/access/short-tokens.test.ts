import { describe, expect, test } from "bun:test";
import type { WorkerGrant } from "../../src/access/access.ts";
import { ACCESS_SECONDS, createShortTokens } from "../../src/access/short-tokens.ts";
import { ManualTime } from "../support/manual-time.ts";

function open() {
  const clock = new ManualTime();
  let made = 0;
  const random = { next: () => 0, bytes: (count: number) => new Uint8Array(count).fill((made += 1)) };
  const own = { isGood: true };
  const origin: WorkerGrant = { admits: (id) => own.isGood && id === "w" };
  return { clock, own, origin, tokens: createShortTokens({ clock, random }) };
}

describe("a short-lived token", () => {
  test("lets its worker in, and nobody else", () => {
    const { tokens, origin } = open();
    const grant = tokens.grantOf(tokens.issue(origin, "w").access_token);

    expect([grant?.workerId, grant?.admits("w"), grant?.admits(undefined), grant?.admits("x")]).toEqual([
      "w",
      true,
      true,
      false,
    ]);
    expect(tokens.grantOf("a made up one")).toBeUndefined();
  });

  test("ends after an hour, also for who came in with it before", () => {
    const { clock, tokens, origin } = open();
    const { access_token } = tokens.issue(origin, "w");
    const grant = tokens.grantOf(access_token);
    clock.advance(ACCESS_SECONDS * 1_000 - 1);
    expect(grant?.admits("w")).toBe(true);
    clock.advance(1);

    expect(grant?.admits("w")).toBe(false);
    expect(tokens.grantOf(access_token)).toBeUndefined();
  });

  test("ends with the token that it was given for, and so does its refresh", () => {
    const { own, tokens, origin } = open();
    const { access_token, refresh_token } = tokens.issue(origin, "w");
    const grant = tokens.grantOf(access_token);
    own.isGood = false;

    expect(grant?.admits("w")).toBe(false);
    expect(tokens.grantOf(access_token)).toBeUndefined();
    expect(tokens.refresh(refresh_token, "w")).toBeUndefined();
  });

  test("is replaced once by its refresh, within a day", () => {
    const { clock, tokens, origin } = open();
    const first = tokens.issue(origin, "w");
    clock.advance(86_399_000);
    const second = tokens.refresh(first.refresh_token, undefined);
    expect(second && tokens.grantOf(second.access_token)?.workerId).toBe("w");
    expect(tokens.refresh(first.refresh_token, "w")).toBeUndefined();
    expect(tokens.refresh(second?.refresh_token ?? "", "x")).toBeUndefined();
    clock.advance(86_400_000);

    expect(tokens.refresh(second?.refresh_token ?? "", "w")).toBeUndefined();
  });

  test("that was exchanged for another one gives none that outlives it", () => {
    const { clock, tokens, origin } = open();
    const first = tokens.grantOf(tokens.issue(origin, "w").access_token);
    clock.advance(ACCESS_SECONDS * 500);
    const second = first && tokens.issue(first, "w");
    expect(second && tokens.grantOf(second.access_token)?.workerId).toBe("w");
    clock.advance(ACCESS_SECONDS * 500);

    expect(second && tokens.grantOf(second.access_token)).toBeUndefined();
  });
});
