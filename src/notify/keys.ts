/** Keys for one purpose each, made from the store's secret: what one of them signs means nothing to another. */
import { createHmac, timingSafeEqual } from "node:crypto";

export interface Seal {
  /** Base64url, so many bytes of an HMAC. */
  of(text: string): string;
  fits(text: string, seal: string): boolean;
}

export function createSeal(secret: Uint8Array, purpose: string, bytes: number): Seal {
  const key = createHmac("sha256", secret).update(purpose).digest();
  const digest = (text: string) => createHmac("sha256", key).update(text).digest().subarray(0, bytes);
  return {
    of: (text) => digest(text).toString("base64url"),
    fits(text, seal) {
      const presented = Buffer.from(seal, "base64url");
      // Decoding is forgiving: only the one spelling of a seal is it.
      if (presented.length !== bytes || presented.toString("base64url") !== seal) return false;
      return timingSafeEqual(presented, digest(text));
    },
  };
}
