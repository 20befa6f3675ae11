/** Ids are written digit by digit into bytes that are read as one text: put together from texts, each would be many of them. */
const DIGITS = "0123456789abcdef";

/** Of the last four bits: the digit, as the byte that it is in a text. */
export function hexDigit(bits: number): number {
  return DIGITS.charCodeAt(bits & 15);
}

/** So many digits, of the last bits of the number. */
export function writeHex(into: Uint8Array, from: number, digits: number, number: number): void {
  for (let index = from + digits - 1, left = number; index >= from; index--, left >>>= 4) into[index] = hexDigit(left);
}
