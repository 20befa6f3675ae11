/**
 * One large file through worker and S3: `bun run large-file [--megabytes 2048]`. Starts a store of its
 * own, the compiled server and a worker; prints what both held in memory. Exit code 1 when the file
 * came back different, or when one of them held more than it may.
 */
import { isBuilt } from "../test/e2e/binary.ts";
import { runLargeFile } from "../test/e2e/large-file.ts";
import { S3Server } from "../test/support/s3.ts";
import { readCommandLine, wholeNumber } from "./command-line.ts";

const MOST_MEGABYTES = 300;
const SIZE = { megabytes: { type: "string", default: "2048" } } as const;

const HELP = `One large file through worker and S3, and what both hold in memory meanwhile.

Usage: bun run large-file [--megabytes N]

  --megabytes N  its size (2048)`;

const megabytes = wholeNumber("megabytes", readCommandLine(HELP, SIZE).megabytes);
if (!isBuilt) process.exit(2);

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
