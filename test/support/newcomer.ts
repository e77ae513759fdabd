import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import { freePort } from './free-port.ts';

const START = resolve(import.meta.dirname, '../../scripts/start.ts');

/** `npm start`, by its process. */
export interface Started {
  readonly process: ChildProcess;
  /** All that it has printed for people so far. */
  readonly output: () => string;
  /** Resolves when it says that it is running; rejects with what it printed when it ends before. */
  readonly ready: Promise<string>;
  /** Resolves with the exit code, or the signal, when it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Ports and a place of its own for one installation. */
export async function newcomerEnvironment(home: string): Promise<Readonly<Record<string, string>>> {
  const [server, internal, example] = [await freePort(), await freePort(), await freePort()];
  return {
    GATEHOUSE_ISSUER: `http://localhost:${server}`,
    GATEHOUSE_LISTEN: `127.0.0.1:${server}`,
    GATEHOUSE_INTERNAL_LISTEN: `127.0.0.1:${internal}`,
    GATEHOUSE_EXAMPLE_LISTEN: `127.0.0.1:${example}`,
    GATEHOUSE_EXAMPLE_RESOURCE: `http://localhost:${example}/mcp`,
    GATEHOUSE_DATA_DIR: `${home}/data`,
  };
}

/** Does what `npm start` does, in a directory of its own, which therefore has neither `.env` nor keys. */
export function start(home: string, environment: Readonly<Record<string, string>>): Started {
  const child = spawn(process.execPath, [START], {
    cwd: home,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const ready = new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      if (output.includes('Ctrl-C stops everything.')) resolve(output);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void ended.then((how) => reject(new Error(`ended with ${how}:\n${output}`)));
  });
  ready.catch(() => {});
  return { process: child, output: () => output, ready, ended };
}
