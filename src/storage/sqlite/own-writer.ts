/** The writer in the thread of the engine: units are encoded and written at once. */
import type { GroupWriter } from "../group-commit.ts";
import { packGroup, unpackGroup } from "./encoded.ts";
import type { SqliteWriter } from "./writer.ts";

export function writeHere(writer: SqliteWriter): GroupWriter {
  return {
    write(units) {
      const packed = packGroup(units);
      return "type" in packed ? packed : writer.write(unpackGroup(packed));
    },
  };
}
