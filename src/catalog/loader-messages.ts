import type { LogLevel } from "../system/log.ts";
import type { LoadResult } from "./load.ts";

export interface LoadRequest {
  readonly files: readonly string[];
  readonly bundlesFolder: string;
  /** Manifests name their files as seen from this folder. */
  readonly folder: string;
}

export type LoaderMessage =
  | { readonly type: "evaluating"; readonly file: string }
  | { readonly type: "loaded"; readonly result: LoadResult }
  | { readonly type: "console"; readonly level: LogLevel; readonly message: string };
