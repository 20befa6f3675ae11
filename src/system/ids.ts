import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

const SHARDS = 1024;
const SEQUENCE_MAX = 0xfff;
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

export interface Ids {
  /** A job's id: UUID v7, ordered by time, with a shard in ten of its random bits. */
  job(shard?: number): string;
  /** A random id (UUID v4) for what is never a key of the store. */
  unique(): string;
}

/**
 * Job ids grow even within one millisecond and when the wall clock goes back: the store
 * appends instead of writing all over its tree.
 */
export function createIds(clock: Clock, random: Random): Ids {
  let lastMs = 0;
  let sequence = 0;
  /** Ids of one millisecond begin alike. */
  let prefix = prefixOf(lastMs);

  const begin = (ms: number): void => {
    lastMs = ms;
    sequence = 0;
    prefix = prefixOf(ms);
  };

  return {
    job(shard = Math.floor(random.next() * SHARDS)) {
      const nowMs = clock.nowMs();
      if (nowMs > lastMs) {
        begin(nowMs);
      } else if (++sequence > SEQUENCE_MAX) begin(lastMs + 1);
      return formatV7(prefix, sequence, shard, random.bytes(7));
    },
    unique() {
      const bytes = random.bytes(16);
      bytes[6] = (at(bytes, 6) & 0x0f) | 0x40;
      bytes[8] = (at(bytes, 8) & 0x3f) | 0x80;
      return formatUuid(bytes);
    },
  };
}

/** The shard of a job id, so that children and batches can share it. */
export function shardOf(jobId: string): number {
  return ((Number.parseInt(jobId.slice(19, 23), 16) & 0x3fff) >>> 4) % SHARDS;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

export function formatUuid(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < 16; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += "-";
    text += hex[at(bytes, index)];
  }
  return text;
}

export function parseUuid(text: string): Uint8Array {
  const digits = text.replaceAll("-", "");
  return Uint8Array.from({ length: 16 }, (_, index) => Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16));
}

function prefixOf(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-`;
}

function formatV7(prefix: string, sequence: number, shard: number, tail: Uint8Array): string {
  // The digit before it is that of the version, and keeps the zeros that it begins with.
  const order = (0x7000 + sequence).toString(16);
  const variant = (0x8000 | (shard << 4) | (at(tail, 6) & 0x0f)).toString(16);
  return `${prefix}${order}-${variant}-${hex24(tail, 0)}${hex24(tail, 3)}`;
}

function hex24(bytes: Uint8Array, from: number): string {
  const number = (at(bytes, from) << 16) | (at(bytes, from + 1) << 8) | at(bytes, from + 2);
  return (0x1000000 + number).toString(16).slice(1);
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
