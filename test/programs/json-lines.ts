import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import type { Home } from './home.ts';

/** A program that speaks JSON-RPC on standard input and output, a message a line. */
export interface JsonLines {
  /** @throws Error with the program's log, when it refuses, ends, or says nothing for `ANSWER_TIMEOUT_MS`. */
  ask(method: string, params: object): Promise<unknown>;
  tell(method: string, params: object): void;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Longer than sign-in and consent take on a busy machine. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Starts a program in a HOME, and ends it after the work. */
export async function withJsonLines<T>(
  home: Home,
  [name, ...args]: readonly [name: string, ...args: readonly string[]],
  work: (program: JsonLines) => Promise<T>,
): Promise<T> {
  const child = spawn(home.bin(name), args, { cwd: home.path, env: home.env });
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
  const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  let last = 0;
  try {
    return await work({
      async ask(method, params) {
        last += 1;
        const id = last;
        const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
        send({ id, method, params });
        const answer = await Promise.race([
          answered,
          closed.then(() => ({ error: { message: 'it ended' } }) as Answer),
          after(ANSWER_TIMEOUT_MS),
        ]);
        if (answer.error) throw new Error(`${name} answers ${method} with: ${answer.error.message}\n${log}`);
        return answer.result;
      },
      tell: (method, params) => void send({ method, params }),
    });
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
