/** The worker of recipe 6: tells whether a number is a prime. */
import { InvalidInputError, Worker } from "orchestrator/worker";

const PAUSE_MS = 100;

interface Params {
  number?: number;
  seconds?: number;
}

export default new Worker().task("critical_computation", async (params: Params, task) => {
  const number = params.number ?? 97;
  if (number < 2) throw new InvalidInputError("only numbers from 2 on can be primes");
  for (let waitedMs = 0; waitedMs < (params.seconds ?? 0.5) * 1000; waitedMs += PAUSE_MS) {
    await Bun.sleep(PAUSE_MS);
    if (task.signal.aborted) return { status: "cancelled" };
  }
  return { number, prime: isPrime(number), process: process.pid };
});

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
