/** How a command reaches the server, and what to do when that does not work. */
import { join } from "node:path";
import { originOf, resolve, type Sources } from "../config/resolve.ts";
import { CLIENT, type ClientSettings, DEFAULT_DATA_DIR } from "../config/tables.ts";
import { CommandFailure, EXIT } from "./exit.ts";
import { sourcesFor } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

export const DEFAULT_URL = "http://127.0.0.1:8080";

/** Whose token a command asks for. */
export type Audience = "clients" | "operators";

export interface Door {
  readonly url: string;
  readonly token?: string;
  /** The flag, variable or key of the file that the token was set with. */
  readonly tokenFrom?: string;
  readonly socket?: string;
  readonly audience?: Audience;
  /** Somebody said which server is meant. */
  readonly isNamed?: boolean;
  /** Nobody said where it is. */
  readonly isUsual?: true;
  /** A local door that is there, and is not taken because a token is set. */
  readonly passedBy?: string;
}

export async function doorFor(
  flags: Readonly<Record<string, unknown>>,
  terminal: Terminal,
  audience: Audience = "clients",
): Promise<Door> {
  const sources = await sourcesFor(flags, terminal);
  return { ...doorOf(resolve(CLIENT, sources), sources, terminal, audience), audience };
}

/**
 * Without a URL and a client's token the local door is taken, if it is there. Somebody who names a
 * data folder means the server in it, and no other.
 */
function doorOf(settings: ClientSettings, sources: Sources, terminal: Terminal, audience: Audience): Door {
  const isNamed = settings.url !== undefined || settings.dataDir !== undefined;
  const socket = join(settings.dataDir ?? DEFAULT_DATA_DIR, "orchestrator.sock");
  if (settings.url === undefined && settings.token === undefined) {
    if (terminal.exists(socket)) return { url: "http://localhost", socket, isNamed };
    if (settings.dataDir !== undefined) throw noServerIn(settings.dataDir);
  }
  if (settings.url === undefined) {
    const url = settings.port === undefined ? DEFAULT_URL : `http://127.0.0.1:${settings.port}`;
    const passedBy = terminal.exists(socket) ? { passedBy: socket } : {};
    return { url, ...tokenOf(settings, sources, audience), isNamed, isUsual: true, ...passedBy };
  }
  const url = settings.url.replace(/\/+$/, "");
  if (!/^https?:\/\/./.test(url)) {
    const message = `"${url}" is no address of a server: begin it with http:// or https://, as in ${DEFAULT_URL}.`;
    throw new CommandFailure(EXIT.wrongUse, "WRONG_URL", message);
  }
  return { url, ...tokenOf(settings, sources, audience), isNamed };
}

/** What names the token for this command alone beats the variables that a shell keeps. */
function tokenOf({ token, operatorToken }: ClientSettings, sources: Sources, audience: Audience): Partial<Door> {
  const from = originOf(CLIENT, "token", sources);
  const isOwn = from === "--token" || from === "ORCHESTRATOR_TOKEN";
  const isOperators = operatorToken !== undefined && (token === undefined || (audience === "operators" && !isOwn));
  if (isOperators) {
    return { token: operatorToken, tokenFrom: originOf(CLIENT, "operatorToken", sources) ?? "OPERATOR_TOKEN" };
  }
  return { ...(token !== undefined && { token }), ...(from !== undefined && { tokenFrom: from }) };
}

export function noServerIn(dataDir: string): CommandFailure {
  const advice = `Start one with \`orchestrator serve --data-dir ${dataDir}\`, or name the folder of one that runs.`;
  return new CommandFailure(EXIT.noServer, "NO_SERVER", `There is no server in ${dataDir}. ${advice}`);
}

export function noServerText(door: Door, reason: string): string {
  return `No server answers at ${door.socket ?? door.url}${reason}. ${whereElse(door)}`;
}

function whereElse({ isUsual, passedBy, token, tokenFrom }: Door): string {
  if (passedBy !== undefined) {
    return `${tokenFrom} is set, so the local door ${passedBy} is not used: unset it, or say with --url or ORCHESTRATOR_URL where the server is.`;
  }
  if (isUsual !== true) return "Start one with `orchestrator serve`, or say where it is with --url and --token.";
  if (token !== undefined) {
    return "Start one with `orchestrator serve`, or say where it is with --url or ORCHESTRATOR_URL.";
  }
  return `There is none in ${DEFAULT_DATA_DIR} either: start one with \`orchestrator serve\`, name the data folder of one that runs with --data-dir, or say where it is with --url and --token.`;
}

/** What a refusal of the server has to do with the token that was sent, and with where it came from. */
export function tokenAdvice({ token, tokenFrom, audience }: Door, status: number, code: string): string {
  const variable = audience === "operators" ? "OPERATOR_TOKEN" : "CLIENT_TOKEN";
  if (status === 401 && token === undefined) return ` Set --token or ${variable}.`;
  if (tokenFrom === undefined) return "";
  if (status === 401) return ` The token came from ${tokenFrom}.`;
  if (status !== 403 || code !== "FORBIDDEN") return "";
  const advice =
    audience === "operators"
      ? "set OPERATOR_TOKEN, or give it with --token"
      : 'give one for operators, --token "$OPERATOR_TOKEN"';
  return ` The token that was sent came from ${tokenFrom}: ${advice}.`;
}
