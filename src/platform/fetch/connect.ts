import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  connect,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';

import { isGlobalUnicast } from './address.ts';
import { FetchRefused } from './errors.ts';
import type { Outbound, ResolvedAddress } from './fetch.ts';
import type { Target } from './target.ts';

/** How many addresses of a name are looked at; a name with more is not one web server. */
const MAX_ADDRESSES = 64;
/** How many of them are tried. */
const MAX_TRIES = 4;
/** Milliseconds after which the next is tried beside one that has not answered (RFC 8305 §5); beside one that failed, at once. */
const STAGGER = 300;

/** Opens the one connection of a fetch; the signal ends it, whatever state it is in. */
export type Connect = (target: Target, signal: AbortSignal) => Promise<TLSSocket>;

/**
 * Resolves, looks at every address before one is dialled, dials what was looked at and nothing else, and
 * has the other side prove by TLS that it is the host. A name with one forbidden address is forbidden:
 * that is no web server's, but somebody trying whether what we check is what we use.
 *
 * @throws FetchRefused
 */
export function createConnect({ resolve, dial, ca }: Outbound): Connect {
  // One for all connections, made for the first: to read every root takes longer than a handshake.
  let secureContext: SecureContext | undefined;

  return async (target, signal) => {
    const addresses = await resolve(target.hostname, signal).catch((cause: unknown) => {
      throw new FetchRefused('name_not_found', { cause });
    });
    if (addresses.length === 0 || addresses.length > MAX_ADDRESSES) throw new FetchRefused('name_not_found');
    if (!addresses.every(isGlobalUnicast)) throw new FetchRefused('address_forbidden');
    const socket = await firstOf(addresses, signal, (address, attempt) =>
      dial({ ...address, port: target.port, signal: attempt }),
    );
    secureContext ??= createSecureContext(ca ? { ca: [...getCACertificates('default'), ...ca] } : {});
    return secure(socket, target, { secureContext, signal });
  };
}

/** The first connection that comes about; the attempts beside it are given up. */
async function firstOf(
  addresses: readonly ResolvedAddress[],
  signal: AbortSignal,
  dial: (address: ResolvedAddress, signal: AbortSignal) => Promise<Socket>,
): Promise<Socket> {
  let turn: Promise<void> = Promise.resolve();
  const attempts = inTurns(addresses)
    .slice(0, MAX_TRIES)
    .map((address) => {
      const givenUp = new AbortController();
      const whole = AbortSignal.any([signal, givenUp.signal]);
      const dialled = turn.then(() => {
        whole.throwIfAborted();
        return dial(address, whole);
      });
      turn = turn.then(() => Promise.race([delay(STAGGER), failureOf(dialled)]));
      return { dialled, givenUp };
    });
  const first = await Promise.any(
    attempts.map(async (attempt) => ({ attempt, socket: await attempt.dialled })),
  ).catch((cause: unknown) => {
    throw new FetchRefused('not_reachable', { cause });
  });
  for (const other of attempts) {
    if (other === first.attempt) continue;
    other.givenUp.abort();
    other.dialled.then(
      (late) => late.destroy(),
      () => {},
    );
  }
  return first.socket;
}

/** Resolves when it fails, and never when it does not. */
function failureOf(work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    work.catch(() => resolve());
  });
}

/** One of each family in turn, those of IPv4 first: where IPv6 leads nowhere, nobody waits for it. */
function inTurns(addresses: readonly ResolvedAddress[]): readonly ResolvedAddress[] {
  const v4 = addresses.filter(({ family }) => family === 4);
  const v6 = addresses.filter(({ family }) => family === 6);
  return Array.from({ length: Math.max(v4.length, v6.length) }, (_, at) => [v4[at], v6[at]])
    .flat()
    .filter((address) => address !== undefined);
}

function secure(
  socket: Socket,
  { hostname }: Target,
  { secureContext, signal }: { readonly secureContext: SecureContext; readonly signal: AbortSignal },
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = connect({
      socket,
      servername: hostname,
      ALPNProtocols: ['http/1.1'],
      // Said, because an environment variable could say otherwise.
      rejectUnauthorized: true,
      secureContext,
    });
    const end = () => secured.destroy(new Error('the time is over'));
    signal.addEventListener('abort', end, { once: true });
    secured.on('error', (cause) => reject(new FetchRefused('tls', { cause })));
    secured.once('close', () => {
      signal.removeEventListener('abort', end);
      socket.destroy();
    });
    secured.once('secureConnect', () => resolve(secured));
  });
}
