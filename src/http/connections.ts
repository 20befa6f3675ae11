/**
 * WebSockets of workers, as the server holds them. Bun calls these for each connection; Elysia's own
 * socket routes would parse each message before us and make an object of a dozen closures for it.
 */
import type { Server, ServerWebSocket, WebSocketHandler } from "bun";
import { Refusal } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import type { HttpSettings } from "./settings.ts";

/** The wire under a session. */
export interface Wire {
  /** False: it is gone, nothing was sent. */
  send(text: string): boolean;
  close(code: number, reason: string): void;
}

export interface Session {
  opened(wire: Wire): void;
  message(text: string): void;
  closed(): void;
  /** Whether the token that opened it still counts. */
  isAdmitted(): boolean;
  /** Undefined: it has not said yet who it is. */
  readonly workerId: string | undefined;
}

export interface Connections {
  /** Turns the request into a WebSocket. The caller has been authenticated. */
  upgrade(request: Request, session: Session): undefined;
  /** `key` is now served by this wire; one that served it before is closed. */
  claim(key: string, wire: Wire): void;
  /** Takes the key back if it is still this wire's. */
  unclaim(key: string, wire: Wire): void;
  readonly handler: WebSocketHandler<Session>;
  /** Tokens have changed: closes what was opened with one that counts no more. */
  review(): void;
  closeAll(): void;
  readonly open: number;
}

const REPLACED = 1008;
const POLICY = 1008;
const REVOKED = "TOKEN_REVOKED: the worker's token was changed or taken away";
const GOING_AWAY = 1001;
const TOO_BIG = 1009;
/** What Bun itself tells of a message that is larger than its guard. */
const TOO_BIG_FOR_BUN = "Received too big message";
/** Whoever sends a message of some times the limit is to hear why, and need not be believed further. */
const GUARD_BYTES = 64 * 1024 * 1024;

export function createConnections(
  server: () => Server<Session> | undefined,
  settings: Pick<HttpSettings, "messageBytesMax" | "unsentBytesMax">,
  log: Log,
): Connections {
  const wires = new Map<ServerWebSocket<Session>, Wire>();
  const owners = new Map<string, Wire>();
  const upgrade = (request: Request, session: Session): undefined => {
    const running = server();
    if (running?.upgrade(request, { data: session }) === true) return undefined;
    // A worker that hears that there is no WebSocket here looks no further; this one comes again.
    const isAsked = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    if (running === undefined && isAsked) {
      throw new Refusal("SHUTTING_DOWN", 503, "The server stops: connect again in a second.", undefined, 1);
    }
    throw new Refusal("UPGRADE_REQUIRED", 426, "This path speaks WebSocket only: connect with a WebSocket client.");
  };
  const tellTooLarge = ({ workerId }: Session, bytes: number | undefined): void =>
    log.warn("a worker's message is larger than the server takes: its connection is closed", {
      code: "MESSAGE_TOO_LARGE",
      worker: workerId ?? null,
      bytes_max: settings.messageBytesMax,
      ...(bytes !== undefined && { bytes }),
    });
  return {
    upgrade,
    claim(key, wire) {
      const previous = owners.get(key);
      owners.set(key, wire);
      if (previous !== wire) previous?.close(REPLACED, "New connection established");
    },
    unclaim(key, wire) {
      if (owners.get(key) === wire) owners.delete(key);
    },
    handler: {
      // Our own limit comes first and can say why; this one guards the memory.
      maxPayloadLength: Math.max(settings.messageBytesMax * 2, GUARD_BYTES),
      backpressureLimit: settings.unsentBytesMax,
      closeOnBackpressureLimit: true,
      open(socket) {
        const wire = wireOf(socket);
        wires.set(socket, wire);
        if (socket.data.isAdmitted()) socket.data.opened(wire);
        else wire.close(POLICY, REVOKED);
      },
      message(socket, message) {
        const text = typeof message === "string" ? message : message.toString("utf8");
        if (text.length <= settings.messageBytesMax) return socket.data.message(text);
        tellTooLarge(socket.data, text.length);
        socket.close(TOO_BIG, `MESSAGE_TOO_LARGE: at most ${settings.messageBytesMax} bytes; keep large data in files`);
      },
      close(socket, _code, reason) {
        wires.delete(socket);
        if (reason === TOO_BIG_FOR_BUN) tellTooLarge(socket.data, undefined);
        socket.data.closed();
      },
    },
    review() {
      for (const [socket, wire] of wires) {
        if (!socket.data.isAdmitted())
          wire.close(POLICY, "TOKEN_REVOKED: the worker's token was changed or taken away");
      }
    },
    closeAll() {
      for (const wire of wires.values()) wire.close(GOING_AWAY, "Server shutdown");
    },
    get open() {
      return wires.size;
    },
  };
}

function wireOf(socket: ServerWebSocket<Session>): Wire {
  return {
    // 0: dropped. Less: it waits for a slow reader, within the limit.
    send: (text) => socket.sendText(text) !== 0,
    close: (code, reason) => socket.close(code, reason),
  };
}
