/** Certificates for orchestrators behind a private authority, or that ask workers for one of their own. */
import { messageOf } from "../src/system/errors.ts";
import { type Environment, invalid, text } from "./environment.ts";

/** PEM texts. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const VARIABLES = { ca: "TLS_CA_PATH", cert: "TLS_CERT_PATH", key: "TLS_KEY_PATH" } as const;

export function readTls(environment: Environment, readText: (path: string) => string): TlsFiles | undefined {
  const read = (variable: string) => {
    const path = text(environment, variable);
    if (path === undefined) return undefined;
    try {
      return readText(path);
    } catch (error) {
      throw invalid(`${variable} names ${path}, which cannot be read: ${messageOf(error)}`);
    }
  };
  const [ca, cert, key] = [read(VARIABLES.ca), read(VARIABLES.cert), read(VARIABLES.key)];
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid("TLS_CERT_PATH and TLS_KEY_PATH belong together: set both, or neither.");
  }
  if (ca === undefined && cert === undefined) return undefined;
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
}
