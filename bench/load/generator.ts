import { setTimeout as sleep } from 'node:timers/promises';

import { createOperation, type Operation } from './flows.ts';
import type { Command, Mode, Outcome, Reply } from './protocol.ts';

/**
 * The load generator, a process of its own: is given work, then runs it as often as it is told, and
 * answers with every latency.
 */
let current: { readonly run: Operation; close(): void } | undefined;

process.on('message', (message) => {
  void handle(message as Command);
});
process.on('disconnect', () => process.exit(0));
reply({ type: 'ready' });

async function handle(command: Command): Promise<void> {
  if (command.type === 'load') {
    current?.close();
    current = createOperation(command.address, command.work);
    reply({ type: 'loaded' });
    return;
  }
  if (!current) throw new Error('there is nothing to run');
  reply({ type: 'ran', outcome: await run(current.run, command.mode) });
}

async function run(operation: Operation, mode: Mode): Promise<Outcome> {
  const latencies = new Float64Array(mode.operations);
  let failures = 0;
  let firstFailure: string | undefined;

  const measured = async (index: number) => {
    const began = performance.now();
    try {
      await operation();
    } catch (error) {
      failures += 1;
      firstFailure ??= error instanceof Error ? error.message : String(error);
    }
    latencies[index] = performance.now() - began;
  };

  const began = performance.now();
  await (mode.kind === 'closed' ? closed(measured, mode) : open(measured, mode));
  const seconds = (performance.now() - began) / 1000;
  return { operations: mode.operations, failures, firstFailure, seconds, latencies };
}

async function closed(
  measured: (index: number) => Promise<void>,
  { operations, concurrency }: { readonly operations: number; readonly concurrency: number },
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < operations) await measured(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

/**
 * Operations begin when they are due, whether or not earlier ones were answered. Whatever is due at a
 * tick of the timer begins in it, and its latency counts from there: the tick is ours, waiting for a
 * slow answer is the server's.
 */
async function open(
  measured: (index: number) => Promise<void>,
  { operations, rate }: { readonly operations: number; readonly rate: number },
): Promise<void> {
  const began = performance.now();
  const pending: Promise<void>[] = [];
  while (pending.length < operations) {
    const due = Math.min(operations, 1 + Math.floor(((performance.now() - began) / 1000) * rate));
    while (pending.length < due) pending.push(measured(pending.length));
    if (pending.length < operations) await sleep(1);
  }
  await Promise.all(pending);
}

function reply(message: Reply): void {
  process.send?.(message);
}
