/** Signs what is sent, so that the receiver can tell that it comes from here, and when it was sent. */
import { createHmac } from "node:crypto";

export const SIGNATURE_HEADER = "x-avtomatika-signature";

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`. */
export function signatureOf(secret: string, body: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  const digest = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v1=${digest}`;
}
