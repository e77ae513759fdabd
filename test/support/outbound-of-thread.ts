import { once } from 'node:events';
import { connect } from 'node:net';
import { getPriority } from 'node:os';

import type { Outbound } from '../../src/platform/fetch/index.ts';

/** What a thread that fetches is told of the web of a test. */
export interface WebSettings {
  readonly ca: string;
  /** Of the one server that there is. */
  readonly port: number;
  /** The priority of the thread is put there; shared memory. */
  readonly priority: Int32Array;
}

/** What a name does to the thread that asks for it, as no name should be able to. */
const MISFORTUNES: Readonly<Record<string, () => void>> = {
  'ends.example': () => {
    setImmediate(() => {
      throw new Error('nobody caught it');
    });
  },
  'hangs.example': () => {
    for (;;);
  },
  'grows.example': () => {
    const kept: number[][] = [];
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, n) => n));
  },
};

/** The way to a web where every name leads to one server, at an address that looks public. */
export default function outboundOf({ ca, port, priority }: WebSettings): Outbound {
  return {
    ca: [ca],
    async resolve(hostname) {
      priority[0] = getPriority();
      MISFORTUNES[hostname]?.();
      return [{ address: '93.184.215.14', family: 4 }];
    },
    async dial({ signal }) {
      const socket = connect({ host: '127.0.0.1', port, signal });
      socket.on('error', () => {});
      await once(socket, 'connect', { signal });
      return socket;
    },
  };
}
