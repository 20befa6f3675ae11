/** The load generator's process for everything that has an HTTP door. Its argument: the door, as JSON. */
import { generate } from "./generator.ts";
import { type HttpDoorSettings, openHttpDoor } from "./http-door.ts";

const settings = JSON.parse(process.argv[2] ?? "") as HttpDoorSettings;
await generate(await openHttpDoor(settings));
