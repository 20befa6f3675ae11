/** Sends requests: a limited number at once, each again while the store is away, none after its signal. */
import type { S3Client } from "@aws-sdk/client-s3";
import type { Cancel } from "../../system/clock.ts";
import { messageOf } from "../../system/errors.ts";
import type { System } from "../../system/index.ts";
import type { Place } from "../place.ts";
import type { FilesSettings } from "../port.ts";
import { Gate } from "../together.ts";
import { Broken, type Failure, isAwsAt, judge, refusalOf } from "./failures.ts";

export type Sdk = typeof import("./sdk.ts");

export interface RequestParts {
  readonly system: Pick<System, "clock" | "timers" | "random" | "log">;
  readonly settings: FilesSettings;
  /** The address of sdk.ts: where it lies in the compiled program, its main file alone knows. */
  readonly sdk: string;
  /** The store may be away for so long before the caller hears of it. */
  readonly patienceMs: number;
}

export interface Opened {
  readonly sdk: Sdk;
  readonly client: S3Client;
}

const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 5_000;
const CONNECT_MS = 5_000;
/** A store that says nothing for so long is taken for away. */
const SILENCE_MS = 15_000;
/** Of one request, whatever trickles in. */
const REQUEST_MS = 300_000;
/** Files in parts at once: each holds some parts in memory, and a hundred tasks may want one. */
const LARGE_AT_ONCE = 4;
/** By then it is no hiccup, and people may want to know. */
const TELL_FROM_TRIES = 4;

export class Requests {
  readonly #parts: RequestParts;
  readonly #gate: Gate;
  readonly large = new Gate(LARGE_AT_ONCE);
  #opened: Promise<Opened> | undefined;

  constructor(parts: RequestParts) {
    this.#parts = parts;
    this.#gate = new Gate(parts.settings.concurrency);
  }

  /** What the store answers. Throws the Failure of an answer that is no success, once more tries would not help. */
  async ask<Answer>(
    place: Place,
    signal: AbortSignal,
    call: (opened: Opened, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer | Failed> {
    const { clock } = this.#parts.system;
    const giveUpMs = clock.monotonicMs() + this.#parts.patienceMs;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      try {
        return await this.#gate.run(() => this.#once(signal, call), signal);
      } catch (error) {
        signal.throwIfAborted();
        const failure = judge(error);
        if (failure.type !== "away" || clock.monotonicMs() >= giveUpMs) return new Failed(failure);
        this.#tell(place, failure, tries);
        await this.#rest(tries, signal);
      }
    }
  }

  /** The same, where anything but an answer is the caller's failure as well. */
  async get<Answer>(
    place: Place,
    signal: AbortSignal,
    call: (opened: Opened, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const answer = await this.ask(place, signal, call);
    if (answer instanceof Failed) throw this.refusal(answer.failure, place);
    return answer;
  }

  refusal(failure: Failure, place: Place): Error {
    return refusalOf(failure, place, this.#parts.settings.endpoint);
  }

  open(): Promise<Opened> {
    this.#opened ??= openClient(this.#parts);
    return this.#opened;
  }

  async #once<Answer>(
    signal: AbortSignal,
    call: (opened: Opened, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const opened = await this.open();
    const late = this.limit(REQUEST_MS);
    try {
      return await call(opened, AbortSignal.any([signal, late.signal]));
    } finally {
      late.cancel();
    }
  }

  limit(limitMs: number): { readonly signal: AbortSignal; readonly cancel: Cancel } {
    const controller = new AbortController();
    const late = () => controller.abort(new Broken("the answer took too long"));
    return { signal: controller.signal, cancel: this.#parts.system.timers.after(limitMs, late) };
  }

  /** Nobody will ask for the parts again; somebody may pay for them. */
  tellLeft({ bucket, key }: Place, uploadId: string | undefined, error: unknown): void {
    const facts = { code: "UPLOAD_LEFT_BEHIND", bucket, key, upload_id: uploadId, reason: messageOf(error) };
    this.#parts.system.log.warn(
      "The parts of an upload that was given up stay in the store: abort it there, or have the bucket's lifecycle do so (AbortIncompleteMultipartUpload).",
      facts,
    );
  }

  #tell(place: Place, failure: Extract<Failure, { type: "away" }>, tries: number): void {
    if (tries !== TELL_FROM_TRIES) return;
    const facts = { bucket: place.bucket, key: place.key, reason: failure.why };
    this.#parts.system.log.warn("The store of files does not answer as it should; it is asked again.", facts);
  }

  /** Twice as long each time, and not all at the same moment. */
  async #rest(tries: number, signal: AbortSignal): Promise<void> {
    const { timers, random } = this.#parts.system;
    const wholeMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(tries - 1, 20));
    let cancel: Cancel = () => undefined;
    let wake = () => undefined as void;
    await new Promise<void>((resolve) => {
      wake = resolve;
      signal.addEventListener("abort", wake, { once: true });
      cancel = timers.after(wholeMs * (0.5 + random.next() / 2), resolve);
    });
    cancel();
    signal.removeEventListener("abort", wake);
  }
}

/** An answer that is no success. */
export class Failed {
  constructor(readonly failure: Failure) {}
}

async function openClient({ sdk: address, settings: { endpoint, region, keys } }: RequestParts): Promise<Opened> {
  const sdk = (await import(address)) as Sdk;
  const client = new sdk.S3Client({
    endpoint,
    region,
    ...(keys && { credentials: { accessKeyId: keys.id, secretAccessKey: keys.secret } }),
    // Tries are counted and spread by us, within the caller's signal.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    ...(isAwsAt(endpoint) ? { followRegionRedirects: true } : FOR_OTHERS),
  });
  return { sdk, client };
}

/** Stores that are not AWS: buckets are no host names, and the newer checksums are not known everywhere. */
const FOR_OTHERS = {
  forcePathStyle: true,
  requestChecksumCalculation: "WHEN_REQUIRED",
  responseChecksumValidation: "WHEN_REQUIRED",
} as const;
