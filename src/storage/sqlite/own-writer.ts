/** The writer in the thread of the engine: units are encoded and written at once. */
import { messageOf } from "../../system/errors.ts";
import type { GroupOutcome, GroupWriter } from "../group-commit.ts";
import type { Unit } from "../port.ts";
import { encodeUnit, type EncodedUnit } from "./encoded.ts";
import type { SqliteWriter } from "./writer.ts";

export function writeHere(writer: SqliteWriter): GroupWriter {
  return {
    write(units) {
      const encoded = encodeAll(units);
      return isOutcome(encoded) ? encoded : writer.write(encoded);
    },
  };
}

/** A unit that has no form in the store is named; the others are tried without it. */
export function encodeAll(units: readonly Unit[]): readonly EncodedUnit[] | GroupOutcome {
  const encoded: EncodedUnit[] = [];
  for (const [index, unit] of units.entries()) {
    try {
      encoded.push(encodeUnit(unit));
    } catch (error) {
      return { type: "invalid", index, reason: messageOf(error) };
    }
  }
  return encoded;
}

export function isOutcome(value: readonly EncodedUnit[] | GroupOutcome): value is GroupOutcome {
  return "type" in value;
}
