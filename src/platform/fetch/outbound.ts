import { Resolver } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import type { Outbound, ResolvedAddress } from './fetch.ts';

/** Milliseconds for one question to one name server, asked twice at the most. */
const QUESTION = 1_500;
/** Milliseconds that one kind of address is waited for when the other is there. */
const OTHER_FAMILY = 300;

/**
 * The network of this machine. Names are asked of DNS alone: neither the hosts file nor a search domain
 * has a say in what a stranger's URL means, and none of the threads that files and password hashes need
 * is spent on it.
 */
export const systemOutbound: Outbound = {
  async resolve(hostname, signal) {
    const resolver = new Resolver({ timeout: QUESTION, tries: 2 });
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const found: ResolvedAddress[] = [];
      const ask = async (family: 4 | 6) => {
        const answer = await (family === 4 ? resolver.resolve4(hostname) : resolver.resolve6(hostname));
        for (const address of answer) found.push({ address, family });
      };
      const asked = [ask(4), ask(6)];
      await Promise.any(asked);
      await Promise.race([Promise.allSettled(asked), delay(OTHER_FAMILY, undefined, { signal })]);
      return [...found];
    } finally {
      signal.removeEventListener('abort', cancel);
      resolver.cancel();
    }
  },

  dial({ address, family, port, signal }) {
    return new Promise<Socket>((resolve, reject) => {
      const socket = connect({ host: address, family, port, signal, noDelay: true });
      // Stays: a socket that breaks before anybody listens must not take the process with it.
      socket.on('error', reject);
      socket.once('connect', () => resolve(socket));
    });
  },
};
