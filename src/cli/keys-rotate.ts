import { setTimeout as delay } from 'node:timers/promises';

import { endCompromisedFamilies } from '../domain/grants/index.ts';
import type { KeyInTurn, Keys } from '../domain/keys/index.ts';
import { NotFound } from '../kernel/errors.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import type { Result } from './output.ts';
import { createProgress } from './progress.ts';

interface Options {
  readonly wait?: boolean;
  readonly compromised?: boolean;
}

const POLL_MS = 1_000;

/** `keys rotate`: replaces the signing key, with time for everybody to notice, or at once. */
export const keysRotate: Register = (keys, cli) => {
  keys
    .command('rotate')
    .summary('replace the signing key')
    .description(
      'Publishes a new signing key, which signs once every verifier can know it, and says when that is. The old key then stays published until its last token has expired. While a new key waits already, nothing is made.',
    )
    .option('--wait', 'answer when the new key signs')
    .option(
      '--compromised',
      'the new key signs at once; every other key is dropped, and what it signed is refused; the secret that refresh tokens are derived with is dropped, and the connections that it made end',
    )
    .action(async ({ wait = false, compromised = false }: Options) => {
      if (wait && compromised) throw new UsageError('--compromised has nothing to --wait for.');
      await cli.withStore(async ({ database, installation, cause }) => {
        if (compromised) {
          const key = await installation.keys.replaceCompromised(cause);
          return replaced(key, await endCompromisedFamilies(database.prisma, cause));
        }
        const next = await installation.keys.rotate(cause);
        return rotated(wait ? await untilItSigns(installation.keys, next) : next);
      });
    });
};

async function untilItSigns(keys: Keys, next: KeyInTurn): Promise<KeyInTurn> {
  const progress = createProgress();
  try {
    for (;;) {
      const found = (await keys.list()).find(({ kid }) => kid === next.kid);
      if (!found || found.state === 'revoked') {
        throw new NotFound(`${next.kid} was dropped before it signed`);
      }
      if (found.state !== 'next') return { ...next, state: 'current', effectiveAt: found.since };
      progress.show(`${next.kid} signs in ${duration(next.effectiveAt)} (${second(next.effectiveAt)})`);
      await delay(POLL_MS);
    }
  } finally {
    progress.end();
  }
}

function rotated(key: KeyInTurn): Result {
  const text =
    key.state === 'current'
      ? `${key.kid} signs since ${second(key.effectiveAt)}. The key before it stays published until its last token has expired.`
      : `${key.kid} is published, and signs from ${second(key.effectiveAt)} on. Until then the current key does.`;
  return { json: documentOf(key), text };
}

function replaced(key: KeyInTurn & { readonly revoked: readonly string[] }, ended: number): Result {
  const connections = ended === 1 ? '1 connection' : `${ended} connections`;
  return {
    json: { ...documentOf(key), revoked: key.revoked, connections_ended: ended },
    text: `${key.kid} signs from now on. Dropped, with all that they signed: ${key.revoked.join(', ')}. The secret that refresh tokens are derived with was dropped too, and ended ${connections}. Server processes follow within a second; MCP servers when they see the first new token, at the latest when their copy of the keys expires. Data keys and the keys of cookies and forms are new too: restart the servers (SIGHUP where they have workers) to use those.`,
  };
}

function documentOf({ kid, algorithm, state, effectiveAt }: KeyInTurn): object {
  return { kid, algorithm, state, effective_at: effectiveAt };
}

/** A time as people read it, to the second, in UTC. */
function second(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** How long it is until then, by this machine's clock. */
function duration(time: Date): string {
  const seconds = Math.max(0, Math.ceil((time.getTime() - Date.now()) / 1000));
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
