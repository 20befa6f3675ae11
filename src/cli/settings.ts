/** Gathers the sources of settings that a command was called with. */
import { resolve, type Sources } from "../config/resolve.ts";
import { parseEnvFile } from "../config/env-file.ts";
import type { Table, ValuesOf } from "../config/setting.ts";
import { Refusal } from "../system/errors.ts";
import type { Terminal } from "./terminal.ts";

const DEFAULT_FILE = "orchestrator.toml";

export async function settingsFor<Settings extends Table>(
  table: Settings,
  flags: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<ValuesOf<Settings>> {
  return resolve(table, await sourcesFor(flags, terminal));
}

export async function sourcesFor(flags: Readonly<Record<string, unknown>>, terminal: Terminal): Promise<Sources> {
  const environment = await environmentFor(flags, terminal);
  const toml = await readTomlFile(flags, environment, terminal);
  return { flags, environment, ...(toml && { toml }) };
}

/** What is set already beats the file, so that one variable can be overridden for one run. */
export async function environmentFor(
  flags: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<Sources["environment"]> {
  const file = flags["envFile"] ?? terminal.environment["ORCHESTRATOR_ENV_FILE"];
  if (typeof file !== "string") return terminal.environment;
  return { ...parseEnvFile(file, await readNamed(file, "--env-file", terminal)), ...terminal.environment };
}

async function readTomlFile(
  flags: Readonly<Record<string, unknown>>,
  environment: Sources["environment"],
  terminal: Terminal,
): Promise<Sources["toml"]> {
  const named = flags["config"] ?? environment["ORCHESTRATOR_CONFIG"];
  if (typeof named === "string") return { file: named, text: await readNamed(named, "--config", terminal) };
  if (!terminal.exists(DEFAULT_FILE)) return undefined;
  return { file: DEFAULT_FILE, text: await terminal.readFile(DEFAULT_FILE) };
}

async function readNamed(file: string, flag: string, terminal: Terminal): Promise<string> {
  if (!terminal.exists(file)) {
    throw new Refusal("WRONG_SETTING", 400, `${flag} names ${file}, which does not exist.`);
  }
  return terminal.readFile(file);
}
