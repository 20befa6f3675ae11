import type { Clock } from "./clock.ts";
import { writeHex } from "./hex.ts";
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
  /** The id at hand: written in place, and read as one text. Ids of one millisecond begin alike. */
  const id = Buffer.from("00000000-0000-7000-8000-000000000000");

  const begin = (ms: number): void => {
    lastMs = ms;
    sequence = 0;
    const time = ms.toString(16).padStart(12, "0");
    id.write(`${time.slice(0, 8)}-${time.slice(8)}-`, "latin1");
  };

  return {
    job(shard = Math.floor(random.next() * SHARDS)) {
      const nowMs = clock.nowMs();
      if (nowMs > lastMs) {
        begin(nowMs);
      } else if (++sequence > SEQUENCE_MAX) begin(lastMs + 1);
      const tail = random.bytes(7);
      // The digit before the sequence is that of the version; two bits before the shard are those of the variant.
      writeHex(id, 15, 3, sequence);
      writeHex(id, 19, 4, 0x8000 | (shard << 4) | (at(tail, 6) & 0x0f));
      for (let index = 0; index < 6; index++) writeHex(id, 24 + 2 * index, 2, at(tail, index));
      return id.toString("latin1");
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

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
