import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import type { Lab } from '../lab.ts';
import { createHttpClient } from '../load/http-client.ts';
import type { Address, Work } from '../load/protocol.ts';
import type { ScenarioName } from '../scenarios.ts';

/** A server in a process of its own. */
export interface ServerChild {
  readonly pid: number;
  /** From the start of the process to its first answer with 200. */
  readonly startedInMs: number;
  /** Asks the process for work, where it is one of `bench/servers`. */
  work(scenario: ScenarioName, operations: number): Promise<Work>;
  /** Sends the process a message, and waits for the one that it answers with. */
  ask<T>(question: object): Promise<T>;
  /** Lets it end by itself, and waits until it is gone. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/** Starts a server and waits until it answers `path` with 200. Its output goes to a file of the lab. */
export async function startChild(
  lab: Lab,
  options: {
    readonly name: string;
    readonly script: string;
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly address: Address;
    readonly path: string;
  },
): Promise<ServerChild> {
  const { name, script, args = [], env = {}, address, path } = options;
  const log = openSync(`${lab.directory}/${name}.log`, 'a');
  const profiling = lab.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${lab.profile}/${name}`];
  const began = performance.now();
  const child = spawn(process.execPath, [...profiling, script, ...args], {
    cwd: lab.directory,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', log, log, 'ipc'],
  });
  await untilAnswers(child, address, path, `${lab.directory}/${name}.log`);
  const startedInMs = performance.now() - began;

  async function ask<T>(question: object): Promise<T> {
    const answer = once(child, 'message');
    child.send(question);
    const [reply] = await answer;
    return reply as T;
  }

  return {
    pid: child.pid ?? 0,
    startedInMs,
    ask,
    async work(scenario, operations) {
      const reply = await ask<{ readonly work?: Work; readonly error?: string }>({ scenario, operations });
      if (reply.work === undefined) throw new Error(`${name} has no work for ${scenario}: ${reply.error}`);
      return reply.work;
    },
    async stop() {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function untilAnswers(
  child: ChildProcess,
  address: Address,
  path: string,
  logFile: string,
): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  const request = Buffer.from(
    `GET ${path} HTTP/1.1\r\nhost: ${address.authority}\r\nconnection: close\r\n\r\n`,
  );
  while (performance.now() < deadline && child.exitCode === null) {
    if (await listens(address)) {
      const client = createHttpClient(address);
      const answer = await client.send(request).catch(() => undefined);
      client.close();
      if (answer?.status === 200) return;
    }
    await delay(5);
  }
  child.kill('SIGKILL');
  const said = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new Error(`the server does not answer:\n${said}`);
}

async function listens({ host, port }: Address): Promise<boolean> {
  const socket = connect({ host, port });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on('connect', () => resolve(true));
  socket.on('error', () => resolve(false));
  const connected = await promise;
  socket.destroy();
  return connected;
}
