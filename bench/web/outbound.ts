import { once } from 'node:events';
import { connect } from 'node:net';

import type { Outbound } from '../../src/platform/fetch/index.ts';

import { type Place, placeOf } from './documents.ts';

/** What a server on the web of a benchmark is told. */
export interface OnWeb {
  readonly ca: string;
  readonly ports: Readonly<Record<Exclude<Place, 'nowhere'>, number>>;
  /** How many names were asked for and addresses dialled until now; shared memory. */
  readonly sent: Uint32Array;
}

/** Anybody's, so that the guard has nothing against them; nothing is sent there. */
const ADDRESSES = { web: '93.184.215.14', mute: '93.184.215.15', closed: '93.184.215.16' } as const;

/**
 * The way to the web of a benchmark: names resolve to addresses that look public, which lead to its processes. The
 * guard stands before it as it does before the real one.
 */
export default function outboundOf({ ca, ports, sent }: OnWeb): Outbound {
  return {
    ca: [ca],
    async resolve(hostname) {
      Atomics.add(sent, 0, 1);
      const place = placeOf(hostname);
      return place === 'nowhere' ? [] : [{ address: ADDRESSES[place], family: 4 }];
    },
    async dial({ address, signal }) {
      Atomics.add(sent, 1, 1);
      const place = Object.entries(ADDRESSES).find(
        ([, known]) => known === address,
      )?.[0] as keyof typeof ports;
      const socket = connect({ host: '127.0.0.1', port: ports[place], signal, noDelay: true });
      // Stays: a socket that breaks before anybody listens must not take the process with it.
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    },
  };
}
