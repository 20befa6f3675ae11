/** Which addresses are out in the open, and which belong to this machine, its network or its cloud. */
import { isIP } from "node:net";

export interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** None of these is reached over the internet: this machine, private networks, metadata services, tests, multicast. */
const CLOSED_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
].map(networkOrFail);

/** All public addresses of version 6 lie here. */
const OPEN_V6 = networkOrFail("2000::/3");
/** And these of them are tunnels to addresses of version 4, or made for books. */
const CLOSED_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"].map(networkOrFail);

const V4_IN_V6 = networkOrFail("::ffff:0:0/96");

/** 4 or 16 bytes; a version 4 address inside a version 6 one is what it stands for. Undefined: no address. */
export function parseAddress(text: string): Uint8Array | undefined {
  switch (isIP(text)) {
    case 4:
      return Uint8Array.from(text.split("."), Number);
    case 6: {
      const bytes = parseV6(text);
      return contains(V4_IN_V6, bytes) ? bytes.slice(12) : bytes;
    }
    default:
      return undefined;
  }
}

/** "10.0.0.0/8", or one address. Undefined: neither. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", length, ...rest] = text.split("/");
  const bytes = parseAddress(address);
  if (!bytes || rest.length > 0) return undefined;
  const most = bytes.length * 8;
  if (length === undefined) return { bytes, bits: most };
  const bits = Number(length);
  return /^\d+$/.test(length) && bits <= most ? { bytes, bits } : undefined;
}

export function contains({ bytes, bits }: Network, address: Uint8Array): boolean {
  if (address.length !== bytes.length) return false;
  for (let index = 0; index * 8 < bits; index++) {
    const mask = (0xff << Math.max(0, 8 - (bits - index * 8))) & 0xff;
    if ((((address[index] ?? 0) ^ (bytes[index] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

export function isOpen(address: Uint8Array): boolean {
  if (address.length === 4) return !CLOSED_V4.some((network) => contains(network, address));
  return contains(OPEN_V6, address) && !CLOSED_V6.some((network) => contains(network, address));
}

function parseV6(text: string): Uint8Array {
  // A zone says by which cable, not where.
  const [plain = ""] = text.split("%");
  const [left = "", right] = withHexTail(plain).split("::");
  const head = groupsOf(left);
  const tail = groupsOf(right ?? "");
  const zeros = right === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return Uint8Array.from([...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

/** "::ffff:1.2.3.4" as "::ffff:102:304". */
function withHexTail(text: string): string {
  const [tail] = /\d+\.\d+\.\d+\.\d+$/.exec(text) ?? [];
  if (tail === undefined) return text;
  const [a = 0, b = 0, c = 0, d = 0] = tail.split(".").map(Number);
  return `${text.slice(0, -tail.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** Also for "::ffff:0:0/96" itself, which is no address of version 4. */
function networkOrFail(text: string): Network {
  const [address = "", length] = text.split("/");
  const bytes = isIP(address) === 4 ? Uint8Array.from(address.split("."), Number) : parseV6(address);
  return { bytes, bits: Number(length) };
}
