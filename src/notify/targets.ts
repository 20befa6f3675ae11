/**
 * Where a client may have us send something. Whoever can name an address must not reach with our
 * hands what only we can reach. Names are looked up once and exactly that answer is connected to,
 * so that a name cannot mean one address when it is checked and another when it is used.
 */
import { lookup as systemLookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { Refusal } from "../system/errors.ts";
import { contains, isOpen, type Network, parseAddress, parseNetwork } from "./address.ts";

export interface Targets {
  /** Throws a Refusal, as far as the address alone tells. */
  check(url: URL): void;
  /** For sockets: answers with what may be connected to, or with a Refusal. */
  readonly lookup: LookupFunction;
}

/** Networks, addresses and host names ("*.internal": all below it) that are let through though they are not public. */
export interface Allowed {
  readonly networks: readonly Network[];
  readonly hosts: readonly string[];
}

const HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/;

/** Undefined: one of them is neither a network nor a host name. */
export function readAllowed(texts: readonly string[]): Allowed | undefined {
  const networks: Network[] = [];
  const hosts: string[] = [];
  for (const text of texts) {
    const network = parseNetwork(text);
    const host = text.toLowerCase();
    if (network) networks.push(network);
    else if (HOST.test(host) && !/^[\d.]+$/.test(host)) hosts.push(host);
    else return undefined;
  }
  return { networks, hosts };
}

type Resolve = (host: string, done: (error: Error | null, found: readonly LookupAddress[]) => void) => void;

const resolveBySystem: Resolve = (host, done) =>
  systemLookup(host, { all: true }, (error, found) => done(error, found));

export function createTargets(allowed: Allowed, resolve: Resolve = resolveBySystem): Targets {
  function isAllowed(address: string): boolean {
    const bytes = parseAddress(address);
    if (!bytes) return false;
    return isOpen(bytes) || allowed.networks.some((network) => contains(network, bytes));
  }

  function isNamed(host: string): boolean {
    return allowed.hosts.some((name) => (name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name));
  }

  return {
    check(url) {
      if (url.protocol !== "http:" && url.protocol !== "https:") {
        throw new Refusal("WEBHOOK_URL_REFUSED", 422, "A webhook's address must begin with http:// or https://.");
      }
      if (url.username !== "" || url.password !== "") {
        const message = "A webhook's address must not carry a user name or password: the signature says who sends.";
        throw new Refusal("WEBHOOK_URL_REFUSED", 422, message);
      }
      const host = hostOf(url);
      if (isNamed(host)) return;
      const isHere = host === "localhost" || host.endsWith(".localhost");
      if (isHere || (parseAddress(host) && !isAllowed(host))) throw notPublic(host, undefined);
    },
    lookup(hostname, options, callback) {
      const host = hostname.toLowerCase();
      resolve(host, (error, found) => {
        if (error) return callback(error, []);
        const usable = isNamed(host) ? found : found.filter(({ address }) => isAllowed(address));
        const [first] = usable;
        if (!first) return callback(notPublic(host, found[0]?.address), []);
        if (options.all) callback(null, [...usable]);
        else callback(null, first.address, first.family);
      });
    },
  };
}

/** Without the brackets of version 6 and the dot of the root. */
function hostOf(url: URL): string {
  return url.hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}

function notPublic(host: string, address: string | undefined): Refusal {
  const what = address === undefined || address === host ? host : `${host} (${address})`;
  const message = `${what} is no public address: webhooks go out to the internet alone, unless WEBHOOK_ALLOW of the server names the host or its network.`;
  return new Refusal("WEBHOOK_ADDRESS_REFUSED", 422, message);
}
