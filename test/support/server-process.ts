import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { TokenResponse } from './flow.ts';
import { freePort } from './free-port.ts';

const BIN = fileURLToPath(new URL('../../src/cli/bin.ts', import.meta.url));
const START_TIMEOUT_MS = 30_000;

/** `gatehouse serve` in a process of its own: one node of an installation, whose issuer may stand elsewhere. */
export interface ServerProcess {
  readonly pid: number;
  /** A form post to this very node, under the issuer's host. Rejects when the node goes away meanwhile. */
  post(
    path: string,
    params: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TokenResponse>;
  get(path: string): Promise<TokenResponse>;
  /** How it ended, when it has. */
  readonly gone: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Everything it has written to its log and to standard output. */
  output(): string;
  /** Ends it without notice, and waits until it is gone. */
  kill(): Promise<void>;
  /** Lets it drain, and waits until it is gone. */
  stop(): Promise<void>;
}

/** Starts a node with the environment of another, on a port of its own or a given one, and waits until it serves. */
export async function startServerProcess(
  environment: Readonly<Record<string, string>>,
  givenPort?: number,
): Promise<ServerProcess> {
  const port = givenPort ?? (await freePort());
  const host = new URL(environment['GATEHOUSE_ISSUER'] ?? '').host;
  const child = spawn(process.execPath, [BIN, 'serve'], {
    env: { PATH: process.env['PATH'], ...environment, GATEHOUSE_LISTEN: `127.0.0.1:${port}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const gone = once(child, 'close').then(([code, signal]) => ({ code, signal }));

  async function send(method: string, path: string, body: string, headers: Readonly<Record<string, string>>) {
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers: { host, ...headers } });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    return answerOf(incoming, Buffer.concat(chunks).toString());
  }

  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const healthy = await send('GET', '/healthz', '', {}).catch(() => undefined);
    if (healthy?.status === 200) break;
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the server did not start: ${output}`);
    }
    await delay(20);
  }

  return {
    pid: child.pid ?? 0,
    post(path, params, headers = {}) {
      const body = new URLSearchParams(params).toString();
      return send('POST', path, body, {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(Buffer.byteLength(body)),
        ...headers,
      });
    },
    get: (path) => send('GET', path, '', {}),
    gone,
    output: () => output,
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async stop() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function answerOf(incoming: IncomingMessage, text: string): TokenResponse {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const isJson = headers.get('content-type')?.startsWith('application/json') === true;
  return { status: incoming.statusCode ?? 0, headers, body: isJson ? JSON.parse(text) : {} };
}
