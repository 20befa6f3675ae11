/**
 * One large file through worker and S3: `bun run large-file [--megabytes 2048]`. Starts a store of its
 * own, the compiled server and a worker; prints what both held in memory. Exit code 1 when the file
 * came back different, or when one of them held more than it may.
 */
import { parseArgs } from "node:util";
import { isBuilt } from "../test/e2e/binary.ts";
import { runLargeFile } from "../test/e2e/large-file.ts";
import { S3Server } from "../test/support/s3.ts";

const MOST_MEGABYTES = 300;

const { values } = parseArgs({ options: { megabytes: { type: "string", default: "2048" } } });
const megabytes = Number(values.megabytes);
if (!isBuilt || !Number.isInteger(megabytes) || megabytes < 1) {
  console.error(isBuilt ? "--megabytes has to be a whole number." : "Build first: bun run build");
  process.exit(2);
}

const s3 = await new S3Server().start();
try {
  const { isSame, seconds, server, worker } = await runLargeFile({ megabytes, s3 });
  console.log(`${megabytes} MB through worker and S3 in ${seconds.toFixed(1)} s, ${isSame ? "the same" : "DIFFERENT"}`);
  for (const [name, use] of Object.entries({ server, worker })) {
    console.log(`${name}: ${use.leastMegabytes} to ${use.mostMegabytes} MB resident`);
  }
  const isGood = isSame && Math.max(server.mostMegabytes, worker.mostMegabytes) < MOST_MEGABYTES;
  process.exitCode = isGood ? 0 : 1;
} finally {
  await s3.remove();
}
