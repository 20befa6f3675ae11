import { describe, expect, test } from "bun:test";
import type { LookupAddress } from "node:dns";
import { createTargets, readAllowed } from "../../src/notify/targets.ts";
import { Refusal } from "../../src/system/errors.ts";

function allowing(...texts: readonly string[]) {
  const allowed = readAllowed(texts);
  if (!allowed) throw new Error(`${texts.join()} was not read`);
  return allowed;
}

function verdict(url: string, ...allowed: readonly string[]): string {
  try {
    createTargets(allowing(...allowed)).check(new URL(url));
    return "fine";
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error);
  }
}

describe("an address that a client gives for its webhook", () => {
  for (const host of [
    "127.0.0.1",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001::1]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "api.localhost",
  ]) {
    test(`is refused when it is ${host}`, () => expect(verdict(`http://${host}/x`)).toBe("WEBHOOK_ADDRESS_REFUSED"));
  }

  for (const host of [
    "hooks.example",
    "8.8.8.8",
    "172.15.0.1",
    "172.32.0.1",
    "100.63.0.1",
    "100.128.0.1",
    "11.0.0.1",
    "[2606:4700::1111]",
    "[::ffff:8.8.8.8]",
  ]) {
    test(`is fine when it is ${host}`, () => expect(verdict(`https://${host}:8443/x`)).toBe("fine"));
  }

  for (const url of ["ftp://hooks.example/", "file:///etc/passwd", "https://me:secret@hooks.example/"]) {
    test(`is refused when it is ${url}`, () => expect(verdict(url)).toBe("WEBHOOK_URL_REFUSED"));
  }

  for (const [url, allowed] of [
    ["http://10.1.2.3/", "10.0.0.0/8"],
    ["http://127.0.0.1:9000/", "127.0.0.1"],
    ["http://[::ffff:10.0.0.1]/", "10.0.0.0/8"],
    ["http://[fd00::5]/", "fd00::/8"],
    ["http://localhost/", "localhost"],
    ["http://api.localhost/", "*.localhost"],
  ] as const) {
    test(`is fine when it is ${url} and ${allowed} is allowed`, () => expect(verdict(url, allowed)).toBe("fine"));
  }

  test("is refused when another network is allowed", () => {
    expect(verdict("http://10.1.2.3/", "10.2.0.0/16", "192.168.0.0/16")).toBe("WEBHOOK_ADDRESS_REFUSED");
  });
});

describe("what is allowed", () => {
  for (const text of ["10.0.0.0/33", "10.0.0/8", "http://x", "a b", "1.2.3", "10.0.0.0/8/9", "::/129", "*"]) {
    test(`cannot be ${text}`, () => expect(readAllowed([text])).toBeUndefined());
  }
});

describe("a name that is looked up", () => {
  const found = (...addresses: readonly string[]): LookupAddress[] =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

  async function connectedTo(addresses: readonly string[], ...allowed: readonly string[]): Promise<string> {
    const targets = createTargets(allowing(...allowed), (_host, done) => done(null, found(...addresses)));
    const { promise, resolve } = Promise.withResolvers<string>();
    targets.lookup("hooks.example", { all: true }, (error, usable) => {
      resolve(error ? error.message : (usable as LookupAddress[]).map(({ address }) => address).join());
    });
    return promise;
  }

  test("is connected to by the address that was checked", async () => {
    expect(await connectedTo(["8.8.8.8"])).toBe("8.8.8.8");
  });

  test("is refused by name, address and setting when it leads to a private address", async () => {
    const told = await connectedTo(["10.0.0.7"]);
    expect(told).toContain("hooks.example (10.0.0.7)");
    expect(told).toContain("WEBHOOK_ALLOW");
  });

  test("is connected to at its public addresses alone", async () => {
    expect(await connectedTo(["10.0.0.7", "8.8.8.8", "::1"])).toBe("8.8.8.8");
  });

  test("may lead anywhere when the name, or the network, is allowed", async () => {
    expect(await connectedTo(["10.0.0.7"], "hooks.example")).toBe("10.0.0.7");
    expect(await connectedTo(["10.0.0.7"], "*.example")).toBe("10.0.0.7");
    expect(await connectedTo(["10.0.0.7", "10.1.0.7"], "10.0.0.0/16")).toBe("10.0.0.7");
  });

  test("that nobody knows is said so", async () => {
    const targets = createTargets(allowing(), (_host, done) => done(new Error("no such name"), []));
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    targets.lookup("hooks.example", {}, (error) => resolve(error?.message));
    expect(await promise).toBe("no such name");
  });
});
