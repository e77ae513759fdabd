import type { Writable } from 'node:stream';
import { type BackupSummary, writeBackup } from '../domain/backup/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { createMasterSealer } from '../platform/crypto/seal.ts';
import { version } from '../version.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { minute, type Result } from './output.ts';
import { writeWholeFile } from './whole-file.ts';

/** `backup`: writes everything that the store holds to a file, or to standard output. */
export const backup: Register = (program, cli) => {
  program
    .command('backup')
    .summary('write everything to a file')
    .description(
      'Writes everything that the store holds, as it is at one moment, to one compressed file. The server may go on running.',
    )
    .argument('<file>', 'where to; - is standard output')
    .addHelpText(
      'after',
      `
The master key is not in the backup, and without the master key the backup is of no use: keep a copy of it, and keep
it elsewhere. Tokens and client secrets are in the backup as hashes, seeds and keys sealed. Names, addresses and the
audit trail can be read by whoever has the file; it is written for its owner only (mode 0600).

Examples:
  $ ${GATEHOUSE} backup /var/backups/gatehouse-$(date +%F).gz
  $ ${GATEHOUSE} backup - | age -r age1… > gatehouse.gz.age`,
    )
    .action(async (file: string) => {
      if (file === '-' && process.stdout.isTTY) {
        throw new UsageError('A backup is not written to a terminal. Name a file, or pipe it on.');
      }
      await cli.withBareStore('join', async ({ config, database, cause }) => {
        const deps = {
          pool: database.pool,
          sealer: createMasterSealer(config.masterKey),
          version: version(),
        };
        if (file === '-') {
          const summary = await toStandardOutput((sink) => writeBackup(deps, sink, cause, { end: false }));
          return { ...resultOf(summary, 'standard output'), aside: true };
        }
        return resultOf(await writeWholeFile(file, (sink) => writeBackup(deps, sink, cause)), file);
      });
    });
};

/** Whoever reads may have gone away, which must not look like a store that did. */
async function toStandardOutput<T>(fill: (sink: Writable) => Promise<T>): Promise<T> {
  let refused: Error | undefined;
  process.stdout.once('error', (error) => {
    refused = error;
  });
  try {
    return await fill(process.stdout);
  } catch (error) {
    throw refused ? new Error(`Standard output does not take the backup: ${refused.message}`) : error;
  }
}

function resultOf({ madeAt, installation, rows }: BackupSummary, where: string): Result {
  return {
    json: { file: where, made_at: madeAt, installation, rows },
    text: `Wrote ${rows} rows, as they were at ${minute(madeAt)}, to ${where}. They are of use only with the master key, which is not among them.`,
  };
}
