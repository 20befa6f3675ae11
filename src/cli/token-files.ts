/** The files of clients and workers that lie in the working folder are taken without a word. */
import type { ServeSettings } from "../config/tables.ts";
import type { Terminal } from "./terminal.ts";

type Paths = Pick<ServeSettings, "clientsConfigPath" | "workersConfigPath">;

export function withTokenFiles<Settings extends Paths>(settings: Settings, { exists }: Pick<Terminal, "exists">) {
  const found = (path: string | undefined, usual: string) => path ?? (exists(usual) ? usual : undefined);
  return {
    ...settings,
    clientsConfigPath: found(settings.clientsConfigPath, "clients.toml"),
    workersConfigPath: found(settings.workersConfigPath, "workers.toml"),
  };
}
