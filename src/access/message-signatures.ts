/**
 * Checks what workers have signed with the token that they present (wire contract, 5.8). For a connection that stays open
 * the token itself is not kept: what the hash has made of it is enough.
 */
import { timingSafeEqual } from "node:crypto";
import { mayBeSigned, readWritten, signedOf, type Signed, type Written } from "../protocol/signed.ts";
import { isObject } from "../protocol/json.ts";
import type { Clock } from "../system/clock.ts";
import { Refusal } from "../system/errors.ts";

export interface SignatureCheck {
  /** Throws where the text is a message that is signed, and not well. `workerId`: who sends it, as far as that is known. */
  text(text: string, workerId: string | undefined): void;
  /** Of one message that was read by `readWritten`. */
  message(message: Written, workerId: string | undefined): void;
}

const WINDOW_SECONDS = 60;
const BLOCK_BYTES = 64;

/** `token` undefined: whoever came presented none. */
export function createSignatureCheck(token: string | undefined, clock: Clock): SignatureCheck {
  const sign = token === undefined ? undefined : signerOf(token);

  function message(written: Written, workerId: string | undefined): void {
    const signed = signedOf(written);
    if (signed === undefined) return;
    if (sign === undefined) throw refused(NO_TOKEN);
    const given = Buffer.from(signed.signature.toLowerCase());
    if (!signed.texts.some((text) => isSame(given, Buffer.from(sign(text))))) throw refused(WRONG);
    checkSigner(signed, workerId);
    checkTime(signed, clock);
  }

  return {
    message,
    text(text, workerId) {
      if (!mayBeSigned(text)) return;
      const written = readWritten(text);
      if (isObject(written)) message(written, workerId);
    },
  };
}

const NO_TOKEN =
  "A signature is checked with the token that it was made with: send that in X-Worker-Token, or no signature.";
const WRONG =
  "The signature is not what the presented token makes of this message: sign the JSON without `security`, keys sorted, without nulls and spaces, with the token in X-Worker-Token (HMAC-SHA256, hex), or send no signature.";

function refused(message: string): Refusal {
  return new Refusal("INVALID_SIGNATURE", 403, message);
}

function checkSigner({ signerId }: Signed, workerId: string | undefined): void {
  if (signerId === undefined || workerId === undefined || signerId === workerId) return;
  const message = `The message of worker "${workerId}" is signed by ${JSON.stringify(signerId)}: a worker signs for itself alone.`;
  throw new Refusal("SIGNER_MISMATCH", 403, message);
}

/** So that what somebody has overheard is soon worth nothing. */
function checkTime({ timestamp }: Signed, clock: Clock): void {
  if (typeof timestamp !== "number" || !Number.isFinite(timestamp)) {
    const message = "A signed message carries its time: put the Unix seconds into `timestamp` before it is signed.";
    throw new Refusal("TIMESTAMP_MISSING", 403, message);
  }
  const offSeconds = Math.round(timestamp - clock.nowMs() / 1_000);
  if (Math.abs(offSeconds) <= WINDOW_SECONDS) return;
  const where = offSeconds > 0 ? "ahead of" : "behind";
  const message = `The message's timestamp is ${Math.abs(offSeconds)} s ${where} the server's clock, and ${WINDOW_SECONDS} s are allowed: set the worker's clock, or send it anew.`;
  throw new Refusal("TIMESTAMP_OUT_OF_WINDOW", 403, message);
}

/** HMAC-SHA256 in hex, from what the two hashes have become with the key. */
function signerOf(token: string): (text: string) => string {
  const bytes = Buffer.from(token);
  const short = bytes.length > BLOCK_BYTES ? new Bun.CryptoHasher("sha256").update(bytes).digest() : bytes;
  const key = Buffer.concat([short, Buffer.alloc(BLOCK_BYTES)]);
  const begun = (mask: number) =>
    new Bun.CryptoHasher("sha256").update(key.subarray(0, BLOCK_BYTES).map((byte) => byte ^ mask));
  const [inner, outer] = [begun(0x36), begun(0x5c)];
  return (text) => outer.copy().update(inner.copy().update(text).digest()).digest("hex");
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
