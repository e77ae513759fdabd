import '../../src/compiled-cache.ts';

import { once } from 'node:events';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { Outbound } from '../../src/platform/fetch/index.ts';
import { type Place, placeOf } from '../web/documents.ts';

/**
 * `gatehouse serve` on another web: names resolve to addresses that look public, which lead to the processes
 * of the benchmark. The guard stands before them as it does before the real one. Answers each message with what
 * it has sent out, and what it cannot forget.
 */
const [settings = '{}'] = process.argv.slice(2);
const { ca, ports } = JSON.parse(settings) as {
  readonly ca: string;
  readonly ports: Readonly<Record<Exclude<Place, 'nowhere'>, number>>;
};

/** Anybody's, so that the guard has nothing against them; nothing is sent there. */
const ADDRESSES = { web: '93.184.215.14', mute: '93.184.215.15', closed: '93.184.215.16' } as const;

/** Two, because what waits to be finalized is freed by the second. */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function kept(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const counted = { resolved: 0, dialled: 0 };

const outbound: Outbound = {
  ca: [ca],
  async resolve(hostname) {
    counted.resolved += 1;
    const place = placeOf(hostname);
    return place === 'nowhere' ? [] : [{ address: ADDRESSES[place], family: 4 }];
  },
  async dial({ address, signal }) {
    counted.dialled += 1;
    const place = Object.entries(ADDRESSES).find(([, known]) => known === address)?.[0] as keyof typeof ports;
    const socket = connect({ host: '127.0.0.1', port: ports[place], signal, noDelay: true });
    // Stays: a socket that breaks before anybody listens must not take the process with it.
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  },
};

// Afterwards, as `gatehouse serve` does it, so that it has what that has in memory.
const { loadConfig } = await import('../../src/config/load.ts');
const { startServer, untilSignal } = await import('../../src/main.ts');
const server = await startServer(loadConfig(process.env), { outbound });
process.on('message', () => process.send?.({ ...counted, kept: kept() }));
await untilSignal();
await server.stop();
process.exit(0);
