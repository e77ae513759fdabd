/**
 * A process that does with the store what Gatehouse does, and nothing else, so that a test can kill it:
 *
 *     node database-process.ts DATA_DIR own|join
 *
 * It prints one line of JSON when the store is open, or when opening was refused. Told `SIGTERM` it closes the
 * store and ends; told `SIGINT` it asks the store once more and says whether that worked.
 */

import { pino } from 'pino';

import { openDatabase } from '../../src/platform/database/index.ts';

const [dataDir = '', mode] = process.argv.slice(2);
const log = pino({ level: 'silent' });

function say(message: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

try {
  const database = await openDatabase({ dataDir, poolSize: 2, log, mode: mode === 'join' ? 'join' : 'own' });
  process.on('SIGINT', () => {
    database.pool.query('SELECT 1').then(
      () => say({ answered: true }),
      (error: Error) => say({ answered: false, error: error.message }),
    );
  });
  process.once('SIGTERM', () => void database.close().then(() => process.exit(0)));
  say({ open: true, location: database.location });
} catch (error) {
  say({ open: false, error: (error as Error).name, message: (error as Error).message });
  process.exitCode = 1;
}
