/** What can be set about the doors. */
import { createTargets } from "../notify/targets.ts";

export interface HttpSettings {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Before all client routes: "/api"; may be empty. */
  readonly clientPrefix: string;
  readonly bodyBytesMax: number;
  readonly batchBytesMax: number;
  /** Of one WebSocket message, either way of connecting. */
  readonly messageBytesMax: number;
  /** What may wait unsent for one WebSocket before it is closed. */
  readonly unsentBytesMax: number;
  readonly pollMs: number;
  /** Told to workers of our stream. */
  readonly heartbeatSeconds: number;
  readonly eventCommentMs: number;
  /** Refuses an address that no webhook may go to. */
  readonly checkWebhook: (url: URL) => void;
  /** Shown in the API's description. */
  readonly version: string;
}

const MIB = 1024 * 1024;

export const DEFAULT_HTTP_SETTINGS: HttpSettings = {
  host: "127.0.0.1",
  port: 8080,
  clientPrefix: "/api",
  // A worker's result may have 10 MB, and some frame around it.
  bodyBytesMax: 12 * MIB,
  batchBytesMax: 32 * MIB,
  messageBytesMax: 12 * MIB,
  unsentBytesMax: 16 * MIB,
  pollMs: 30_000,
  heartbeatSeconds: 15,
  eventCommentMs: 15_000,
  checkWebhook: createTargets({ networks: [], hosts: [] }).check,
  version: "0.1.0",
};
