import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from '../../test/support/free-port.ts';

export interface RedisServer {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a Redis of the benchmark's own; `undefined` where the machine has none. */
export async function startRedis(logFile: string): Promise<RedisServer | undefined> {
  const port = await freePort();
  const log = openSync(logFile, 'a');
  const child = spawn('redis-server', ['--bind', '127.0.0.1', '--port', `${port}`, '--save', ''], {
    cwd: '/',
    stdio: ['ignore', log, log],
  });
  const started = await Promise.race([
    once(child, 'error').then(() => false),
    once(child, 'exit').then(() => false),
    untilListening(port).then(() => true),
  ]);
  if (!started) return undefined;
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 250; attempt += 1) {
    const socket = connect({ host: '127.0.0.1', port });
    const listening = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (listening) return;
    await delay(20);
  }
  throw new Error('redis-server does not answer');
}
