import { loadConfig } from '../config/load.ts';
import { LINGER, startServer } from '../main.ts';

import { answerPrimary, LEAVE } from './messages.ts';

/*
 * The program of a worker: a server that joins the store and the listener of its primary. It ends when
 * the primary says so, on SIGTERM, and at once when the primary is gone. Ctrl-C and SIGHUP reach the
 * whole group of processes, and are for the primary to decide about.
 */
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
const told = new Promise<void>((resolve) => {
  process.on('message', (message) => {
    if (message === LEAVE) resolve();
  });
  process.once('SIGTERM', () => resolve());
});

const server = await startServer(loadConfig(), { worker: true, lingerMs: LINGER });
answerPrimary({
  alive: async () => 'alive',
  ready: async () => {
    await server.database.pool.query('SELECT 1');
    await server.installation.keys.current();
    return 'ready';
  },
  metrics: async () => (await server.telemetry.scrape()).text,
});

await told;
await server.stop();
process.exit(0);
