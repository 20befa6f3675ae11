import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { createSignatureCheck } from "../../src/access/message-signatures.ts";
import { Refusal } from "../../src/system/errors.ts";

const TOKEN = "the worker's own token";
const NOW_S = 1_800_000_000;
const clock = { nowMs: () => NOW_S * 1_000, monotonicMs: () => 0 };
const hmac = (text: string, token = TOKEN) => createHmac("sha256", token).update(text).digest("hex");

/** The message as it is sent: what is signed, and the signature beside it. */
function signed(canonical: string, more: object = {}, token = TOKEN): string {
  const security = JSON.stringify({ signature: hmac(canonical, token), ...more });
  return `{"security":${security},${canonical.slice(1)}`;
}

function codeOf(text: string, workerId: string | undefined = "w1", token: string | undefined = TOKEN): string {
  try {
    createSignatureCheck(token, clock).text(text, workerId);
    return "taken";
  } catch (error) {
    if (error instanceof Refusal) return `${error.code} ${error.status}`;
    throw error;
  }
}

const GOOD = `{"load":0,"timestamp":${NOW_S},"worker_id":"w1"}`;

describe("a message of a worker", () => {
  test.each([
    ["that is not signed is taken, whatever its clock says", `{"worker_id":"w1","timestamp":1}`],
    ["with an empty word of security is not signed", `{"worker_id":"w1","security":{"signature":null}}`],
    ["that only speaks of a signature is not signed", `{"data":{"signature":"x"}}`],
    ["that is signed is taken", signed(GOOD)],
    ["may name its signer", signed(GOOD, { signer_id: "w1" })],
    ["may carry more that proves who it is", signed(GOOD, { identity_chain: ["a", "b"] })],
    ["may be signed in capital letters", signed(GOOD).replace(hmac(GOOD), hmac(GOOD).toUpperCase())],
    ["may be a minute late", signed(`{"timestamp":${NOW_S - 60}}`)],
    ["may be a minute early", signed(`{"timestamp":${NOW_S + 60}}`)],
    ["may have a fraction in its timestamp", signed(`{"timestamp":${NOW_S}.25}`)],
  ])("%s", (_, text) => {
    expect(codeOf(text)).toBe("taken");
  });

  const digits = `{"cost":1.0,"load":1e2,"timestamp":${NOW_S}.0}`;
  test("is signed over its numbers as they are written", () => {
    expect(codeOf(signed(digits))).toBe("taken");
    expect(codeOf(signed(digits).replace('"cost":1.0', '"cost":1'))).toBe("INVALID_SIGNATURE 403");
  });

  test("is signed in the order of its keys, without spaces, whatever it looks like on its way", () => {
    const canonical = `{"a":[{"b":1,"c":"é\\n\\""}],"timestamp":${NOW_S},"\ue000":1,"\u{1f600}":2}`;
    const sent = `{ "timestamp": ${NOW_S}, "\\ud83d\\ude00": 2, "\\ue000": 1, "a": [ {"c": "\\u00e9\\n\\"", "b": 1} ],
      "security": {"signature": "${hmac(canonical)}"} }`;
    expect(codeOf(sent)).toBe("taken");
  });

  test("is signed without nulls: without those of the message itself at least", () => {
    const more = `"error":null,"data":{"a":null,"b":1}`;
    const sent = (canonical: string) => `{"timestamp":${NOW_S},${more},"security":{"signature":"${hmac(canonical)}"}}`;
    expect(codeOf(sent(`{"data":{"b":1},"timestamp":${NOW_S}}`))).toBe("taken");
    expect(codeOf(sent(`{"data":{"a":null,"b":1},"timestamp":${NOW_S}}`))).toBe("taken");
    expect(codeOf(sent(`{"data":{"b":2},"timestamp":${NOW_S}}`))).toBe("INVALID_SIGNATURE 403");
  });

  test("is signed without what others add to an event on its way", () => {
    expect(codeOf(signed(GOOD).replace("{", '{"bubbling_chain":["hub"],'))).toBe("taken");
  });

  test("of a token longer than a block of the hash is no exception", () => {
    const token = "x".repeat(200);
    expect(codeOf(signed(GOOD, {}, token), "w1", token)).toBe("taken");
    expect(codeOf(signed(GOOD, {}, "y".repeat(64)), "w1", "y".repeat(64))).toBe("taken");
  });

  test.each([
    ["by another token", signed(GOOD, {}, "another"), "INVALID_SIGNATURE 403"],
    ["and changed on its way", signed(GOOD).replace('"load":0', '"load":9'), "INVALID_SIGNATURE 403"],
    ["by something that is no text", GOOD.replace("{", '{"security":{"signature":7},'), "INVALID_SIGNATURE 403"],
    ["by an empty text", GOOD.replace("{", '{"security":{"signature":""},'), "INVALID_SIGNATURE 403"],
    ["by half a signature", signed(GOOD).replace(hmac(GOOD), hmac(GOOD).slice(0, 32)), "INVALID_SIGNATURE 403"],
    ["in another worker's name", signed(GOOD, { signer_id: "w2" }), "SIGNER_MISMATCH 403"],
    ["without a time", signed('{"load":0}'), "TIMESTAMP_MISSING 403"],
    ["with a time that is none", signed('{"timestamp":"now"}'), "TIMESTAMP_MISSING 403"],
    ["longer ago than a minute", signed(`{"timestamp":${NOW_S - 61}}`), "TIMESTAMP_OUT_OF_WINDOW 403"],
    ["longer from now than a minute", signed(`{"timestamp":${NOW_S + 61}}`), "TIMESTAMP_OUT_OF_WINDOW 403"],
  ])("that is signed %s is refused", (_, text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  test("that is signed by somebody who presented no token cannot be checked, and is refused", () => {
    expect(createSignatureCheck(undefined, clock).text.bind(undefined, signed(GOOD), "w1")).toThrow("X-Worker-Token");
    expect(createSignatureCheck(undefined, clock).text(GOOD, "w1")).toBeUndefined();
  });

  test("is refused in words that make no published worker register again", () => {
    const said: string[] = [];
    for (const text of [signed(GOOD, {}, "another"), signed(GOOD, { signer_id: "w2" }), signed('{"timestamp":1}')]) {
      try {
        createSignatureCheck(TOKEN, clock).text(text, "w1");
      } catch (error) {
        said.push(error instanceof Error ? error.message : "");
      }
    }
    expect(said).toHaveLength(3);
    expect(said.join()).not.toMatch(/not found|unauthorized/i);
  });
});
