/**
 * The straight way of nearly all requests: one more job of a blueprint, at the path that it declares. One look-up finds
 * it, where the router would search and make a context first. What is done and answered is the same.
 */
import type { Catalog, Manifest } from "../catalog/port.ts";
import { readText } from "./body.ts";
import type { Creator } from "./creation.ts";
import type { Door } from "./door.ts";
import type { ErrorMapper } from "./errors.ts";
import type { HttpSettings } from "./settings.ts";

export interface StraightOptions {
  readonly catalog: Catalog;
  readonly creator: Pick<Creator, "submitOne" | "answerOne">;
  readonly door: Pick<Door, "client">;
  readonly settings: Pick<HttpSettings, "bodyBytesMax" | "clientPrefix">;
  readonly fail: ErrorMapper;
  /** A route of its own takes POSTs at this path: it comes before all blueprints. */
  readonly isRouted: (path: string) => boolean;
  /** What each answer gets before it leaves. */
  readonly tell: (request: Request, response: Response) => Response;
}

export interface Straight {
  /** Undefined: the router has to be asked. */
  find(request: Request): Manifest | undefined;
  answer(request: Request, manifest: Manifest): Promise<Response>;
}

/** The router looks for the path from here on. */
const PATH_FROM = 7;

export function createStraight(options: StraightOptions): Straight {
  const { catalog, creator, door, settings, fail, isRouted, tell } = options;
  const lead = `${settings.clientPrefix}/`;
  const known = new WeakMap<Manifest, boolean>();

  /** Once for each version of a blueprint: it has one path. */
  function isFree(manifest: Manifest, path: string): boolean {
    let answer = known.get(manifest);
    if (answer === undefined) {
      answer = !isRouted(lead + path);
      known.set(manifest, answer);
    }
    return answer;
  }

  return {
    find({ method, url }) {
      if (method !== "POST") return undefined;
      const begin = url.indexOf("/", PATH_FROM);
      if (!url.startsWith(lead, begin)) return undefined;
      const path = url.slice(begin + lead.length);
      const manifest = catalog.byPath(path);
      return manifest !== undefined && isPlain(path) && isFree(manifest, path) ? manifest : undefined;
    },
    async answer(request, manifest) {
      try {
        const caller = door.client(request);
        const text = await readText(request, settings.bodyBytesMax);
        const created = await creator.submitOne(request, caller, manifest, text);
        return tell(request, creator.answerOne(caller, manifest, created));
      } catch (error) {
        return tell(request, fail(error, request));
      }
    },
  };
}

/** As it stands in the address: the router takes some spellings of a path for it. */
function isPlain(path: string): boolean {
  return !path.includes("%") && !path.startsWith("/");
}
