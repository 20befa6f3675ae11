/** What is used of s3rver, which comes without types. */
declare module "s3rver" {
  import type { IncomingMessage, Server } from "node:http";

  interface Request {
    readonly req: IncomingMessage;
    readonly method: string;
    readonly path: string;
    status: number;
  }

  interface Listing {
    readonly objects: readonly { readonly key: string }[];
    readonly isTruncated: boolean;
  }

  interface Store {
    listObjects(bucket: string, options: { readonly maxKeys?: number }): Promise<Listing>;
  }

  export default class S3rver {
    constructor(options: {
      readonly address: string;
      readonly port: number;
      readonly silent: boolean;
      readonly directory: string;
      readonly configureBuckets: readonly { readonly name: string; readonly configs: readonly string[] }[];
    });
    readonly store: Store;
    readonly httpServer?: Server;
    /** What each request goes through, the first first. */
    readonly middleware: Array<(request: Request, next: () => Promise<void>) => Promise<void>>;
    run(): Promise<{ readonly port: number }>;
    close(): Promise<void>;
  }
}
