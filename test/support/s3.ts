/** A real store of the S3 kind, in this process, on a folder of its own. It can be away for a while. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import type { FilesSettings } from "../../src/files/port.ts";

export const KEYS = { id: "S3RVER", secret: "S3RVER" } as const;
export const BUCKET = "work";
export const OTHER_BUCKET = "other";

/** A status, the end of the connection, or nothing. */
export type Fault = number | "cut" | undefined;

export class S3Server {
  readonly #folder = mkdtempSync(join(tmpdir(), "s3-"));
  readonly #clean: boolean;
  #server: S3rver | undefined;
  #port = 0;
  readonly requests: { readonly method: string; readonly path: string }[] = [];
  /** What a request gets instead of its answer. */
  fault: (number: number, method: string) => Fault | Promise<Fault> = () => undefined;

  constructor(options: { readonly keepsFiles?: boolean } = {}) {
    this.#clean = options.keepsFiles !== true;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where it keeps all: for tests that look for what must not be there. */
  get folder(): string {
    return this.#folder;
  }

  get settings(): FilesSettings {
    return { endpoint: this.url, region: "us-east-1", bucket: BUCKET, keys: KEYS, concurrency: 16, patienceMs: 20_000 };
  }

  /** As the environment of a server or a worker. */
  get environment(): Readonly<Record<string, string>> {
    return {
      S3_ENDPOINT_URL: this.url,
      S3_ACCESS_KEY_ID: KEYS.id,
      S3_SECRET_ACCESS_KEY: KEYS.secret,
      S3_BUCKET_NAME: BUCKET,
    };
  }

  async start(): Promise<this> {
    const server = new S3rver({
      address: "127.0.0.1",
      port: this.#port,
      silent: true,
      directory: this.#folder,
      configureBuckets: [
        { name: BUCKET, configs: [] },
        { name: OTHER_BUCKET, configs: [] },
      ],
    });
    sortLists(server.store);
    server.middleware.unshift(async (request, next) => {
      this.requests.push({ method: request.method, path: decodeURIComponent(request.path) });
      const fault = await this.fault(this.requests.length, request.method);
      if (fault === undefined) return next();
      if (fault === "cut") request.req.socket.destroy();
      else request.status = fault;
    });
    this.#port = (await server.run()).port;
    this.#server = server;
    return this;
  }

  /** Nobody answers at its address, until it is started again. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.httpServer?.closeAllConnections();
    await server?.close();
  }

  async remove(): Promise<void> {
    await this.stop();
    if (this.#clean) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** It relies on folders being read in order, which only Node does. */
function sortLists(store: S3rver["store"]): void {
  const listObjects = store.listObjects.bind(store);
  store.listObjects = async (bucket, { maxKeys = 1_000, ...options }) => {
    const { objects, ...listing } = await listObjects(bucket, options);
    const sorted = objects.toSorted((one, other) => (one.key < other.key ? -1 : 1));
    return { ...listing, objects: sorted.slice(0, maxKeys), isTruncated: sorted.length > maxKeys };
  };
}
