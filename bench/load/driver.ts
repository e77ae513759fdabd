import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { giveWay } from '../os/processes.ts';

import type { Address, Command, Mode, Outcome, Reply, Work } from './protocol.ts';

/** Our end of the load generator's process. One thing at a time. */
export interface Driver {
  load(address: Address, work: Work): Promise<void>;
  /** @throws when an operation failed: figures of failures are of no use. */
  run(mode: Mode): Promise<Outcome>;
  stop(): Promise<void>;
}

const GENERATOR = fileURLToPath(new URL('./generator.ts', import.meta.url));

/** Starts a load generator; one that nobody measures gives way to what is measured. */
export async function startDriver({ measures = true } = {}): Promise<Driver> {
  const child = fork(GENERATOR, { serialization: 'advanced', execArgv: [] });
  await replyOf(child, 'ready');
  if (!measures && child.pid !== undefined) giveWay(child.pid);

  function ask<T extends Reply['type']>(command: Command, type: T): Promise<Extract<Reply, { type: T }>> {
    const reply = replyOf(child, type);
    child.send(command);
    return reply;
  }

  return {
    async load(address, work) {
      await ask({ type: 'load', address, work }, 'loaded');
    },
    async run(mode) {
      const { outcome } = await ask({ type: 'run', mode }, 'ran');
      if (outcome.failures > 0) {
        throw new Error(
          `${outcome.failures} of ${outcome.operations} operations failed: ${outcome.firstFailure}`,
        );
      }
      return outcome;
    },
    async stop() {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function replyOf<T extends Reply['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<Reply, { type: T }>> {
  const died = new AbortController();
  const [reply] = await Promise.race([
    once(child, 'message', { signal: died.signal }),
    once(child, 'exit', { signal: died.signal }).then(([code]) => {
      throw new Error(`the load generator ended with ${code}`);
    }),
  ]).finally(() => died.abort());
  if ((reply as Reply).type !== type) throw new Error(`the load generator answered ${(reply as Reply).type}`);
  return reply as Extract<Reply, { type: T }>;
}
