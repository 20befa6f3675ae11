/** Flags beat the environment, the environment beats orchestrator.toml, and that beats the defaults. */
import { parse as parseToml, TomlError } from "smol-toml";
import { Refusal } from "../system/errors.ts";
import { suggestion } from "../system/nearest.ts";
import { environmentName, flagName, read, type Setting, type Table, tomlKey, type ValuesOf } from "./setting.ts";
import { TABLES } from "./tables.ts";

export interface Sources {
  /** By the setting's name; what was not given is undefined. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of orchestrator.toml, where there is one, and its name for messages. */
  readonly toml?: { readonly file: string; readonly text: string };
}

/** Told where the settings themselves are: no settings, but known names. */
const NOT_SETTINGS: readonly string[] = ["config", "envFile"];

export function resolve<Settings extends Table>(table: Settings, sources: Sources): ValuesOf<Settings> {
  refuseUnknownEnvironment(sources.environment);
  const toml = sources.toml ? readToml(sources.toml) : {};
  const values = Object.entries(table).map(([name, setting]) => [name, valueOf(name, setting, sources, toml)]);
  return Object.fromEntries(values) as ValuesOf<Settings>;
}

type TomlValues = Readonly<Record<string, unknown>>;

function valueOf(name: string, setting: Setting<unknown>, sources: Sources, toml: TomlValues): unknown {
  const found = find(name, setting, sources, toml);
  return found === undefined ? setting.default : read(setting, found.text, found.from);
}

/** The flag, variable or key of the file that a setting was found in. Undefined: nothing sets it. */
export function originOf<Settings extends Table>(
  table: Settings,
  name: string & keyof Settings,
  sources: Sources,
): string | undefined {
  const setting = table[name];
  return setting && find(name, setting, sources, sources.toml ? readToml(sources.toml) : {})?.from;
}

interface Found {
  readonly text: string;
  readonly from: string;
}

function find(name: string, setting: Setting<unknown>, sources: Sources, toml: TomlValues): Found | undefined {
  const flag = sources.flags[name];
  if (typeof flag === "string") return { text: flag, from: flagName(name) };
  const variables = [environmentName(name), ...(setting.environment ?? [])];
  if (setting.agree === true) refuseDisagreement(variables, sources.environment);
  for (const variable of variables) {
    const value = sources.environment[variable];
    // A variable that is set to nothing is how shells and container files switch one off.
    if (value !== undefined && value !== "") return { text: value, from: variable };
  }
  const fromToml = toml[tomlKey(name)];
  if (fromToml === undefined) return undefined;
  const text = asText(fromToml, name, sources, setting.takesList === true);
  return { text, from: `${tomlKey(name)} in ${sources.toml?.file}` };
}

/** The values are not shown: they may be secrets. */
function refuseDisagreement(variables: readonly string[], environment: Sources["environment"]): void {
  const set = variables.filter((variable) => environment[variable]);
  const [first, other] = [set[0] ?? "", set.find((variable) => environment[variable] !== environment[set[0] ?? ""])];
  if (other === undefined) return;
  throw new Refusal(
    "WRONG_SETTING",
    400,
    `${first} and ${other} mean the same and have different values: set one of them.`,
  );
}

function asText(value: unknown, name: string, sources: Sources, takesList: boolean): string {
  if (takesList && Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(",");
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  const message = `${tomlKey(name)} in ${sources.toml?.file} has to be one value, not a list or a table.`;
  throw new Refusal("WRONG_SETTING", 400, message);
}

function readToml({ file, text }: { readonly file: string; readonly text: string }): TomlValues {
  const values = parseOrRefuse(file, text);
  const known = TABLES.flatMap((table) => Object.keys(table).map(tomlKey));
  for (const key of Object.keys(values)) {
    if (known.includes(key)) continue;
    throw new Refusal("UNKNOWN_SETTING", 400, `${file} sets ${key}, which is no setting${suggestion(key, known)}`);
  }
  return values;
}

function parseOrRefuse(file: string, text: string): TomlValues {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n")[0];
    throw new Refusal("WRONG_SETTING", 400, `${file}:${error.line}:${error.column} cannot be read: ${reason}`);
  }
}

/** Kubernetes sets these for a service that is named "orchestrator": nobody wrote them. */
const SERVICE_LINK = /_SERVICE_(?:HOST|PORT)(?:_|$)|_PORT_\d+_(?:TCP|UDP)(?:_|$)/;

function refuseUnknownEnvironment(environment: Sources["environment"]): void {
  const names = new Set([...TABLES.flatMap((table) => Object.keys(table)), ...NOT_SETTINGS]);
  const known = [...names].map(environmentName);
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith("ORCHESTRATOR_") || known.includes(variable) || SERVICE_LINK.test(variable)) continue;
    const message = `${variable} is set in the environment, but is no setting${suggestion(variable, known)}`;
    throw new Refusal("UNKNOWN_SETTING", 400, message);
  }
}
