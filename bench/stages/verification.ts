import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { Verification } from '../report/results.ts';

import { spreadOf } from './rounds.ts';

/** What verifying an access token takes in an MCP server: with jose alone, and with our verifier. */
export async function measureVerification({
  rounds,
  tokens,
}: {
  readonly rounds: number;
  readonly tokens: number;
}): Promise<Verification> {
  const results = await answerOf<Record<keyof Verification, number[]>>('verification', [rounds, tokens]);
  return {
    joseRemote: spreadOf(results.joseRemote),
    joseLocal: spreadOf(results.joseLocal),
    uncached: spreadOf(results.uncached),
    cached: spreadOf(results.cached),
  };
}

/** CPU time of one argon2id hash with our parameters, in microseconds: the middle of several rounds. */
export async function measureHash(rounds: number): Promise<number> {
  return spreadOf(await answerOf<number[]>('hash', [rounds, 20])).median;
}

async function answerOf<T>(script: string, args: readonly number[]): Promise<T> {
  const child = fork(fileURLToPath(new URL(`../servers/${script}.ts`, import.meta.url)), args.map(String));
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`${script} ended with ${code}`);
  });
  gone.catch(() => {});
  const [results] = await Promise.race([once(child, 'message'), gone]);
  return results as T;
}
