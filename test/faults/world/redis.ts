import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from '../../support/free-port.ts';

/** A Redis of the run's own, which can be killed, emptied and paused. */
export interface Redis {
  readonly url: string;
  start(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  flush(): Promise<void>;
}

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0;

export async function createRedis(): Promise<Redis> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  return {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      child = spawn('redis-server', ['--bind', '127.0.0.1', '--port', `${port}`, '--save', ''], {
        cwd: '/',
        stdio: 'ignore',
      });
      while (!(await say(port, 'PING').catch(() => false))) await delay(20);
    },
    async kill() {
      if (child?.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async flush() {
      await say(port, 'FLUSHALL');
    },
  };
}

/** One command in the inline form of the protocol; whether it was answered. */
async function say(port: number, command: string): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(`${command}\r\n`);
    await once(socket, 'data');
    return true;
  } finally {
    socket.destroy();
  }
}
