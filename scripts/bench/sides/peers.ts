import type { Side } from "./side.ts";
export const peers: readonly Side[] = [];
export function installPeers(): void {}
