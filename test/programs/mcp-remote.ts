import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { ClientProgram, ProgramOptions } from './client-program.ts';
import type { Home } from './home.ts';

interface Answer {
  readonly id?: number;
  readonly result?: {
    readonly tools?: readonly { readonly name: string }[];
    readonly content?: readonly { readonly text: string }[];
  };
  readonly error?: { readonly message: string };
}

/** Longer than sign-in and consent take on a busy machine. */
const ANSWER_TIMEOUT_MS = 60_000;

/** mcp-remote, which another program starts and talks to by standard input and output. */
export function mcpRemote(home: Home, resource: string, { clientId }: ProgramOptions): ClientProgram {
  const known =
    clientId === undefined ? [] : ['--static-oauth-client-info', JSON.stringify({ client_id: clientId })];
  const session = <T>(work: (ask: Ask) => Promise<T>) => withSession(home, [resource, ...known], work);
  return {
    login: () => session(async () => undefined),
    relogin() {
      rmSync(join(home.path, '.mcp-auth'), { recursive: true });
      return session(async () => undefined);
    },
    tools: () =>
      session(async (ask) => ((await ask('tools/list', {})).result?.tools ?? []).map(({ name }) => name)),
    call: (name, input) =>
      session(async (ask) => {
        const { result } = await ask('tools/call', { name, arguments: input });
        return result?.content?.[0]?.text ?? '';
      }),
  };
}

type Ask = (method: string, params: object) => Promise<Answer>;

async function withSession<T>(
  home: Home,
  args: readonly string[],
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const child = spawn(home.bin('mcp-remote'), args, { cwd: home.path, env: home.env });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Answer;
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
  });
  const closed = once(child, 'close');
  let last = 0;
  const ask: Ask = async (method, params) => {
    last += 1;
    const id = last;
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    const answer = await Promise.race([
      answered,
      closed.then(() => ({ error: { message: 'it ended' } }) as Answer),
      after(ANSWER_TIMEOUT_MS),
    ]);
    if (answer.error) throw new Error(`mcp-remote answers ${method} with: ${answer.error.message}\n${log}`);
    return answer;
  };
  try {
    await ask('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`);
    return await work(ask);
  } finally {
    child.stdin.end();
    child.kill('SIGTERM');
    await closed;
  }
}

function after(milliseconds: number): Promise<Answer> {
  return new Promise((resolve) => {
    setTimeout(() => resolve({ error: { message: `nothing for ${milliseconds} ms` } }), milliseconds).unref();
  });
}
