import { type RestoreSummary, restoreBackup } from '../domain/backup/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { createMasterSealer } from '../platform/crypto/seal.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';
import { minute, type Result } from './output.ts';
import { readWholeFile } from './whole-file.ts';

/** `restore`: makes an empty store the installation that a backup was made of. */
export const restore: Register = (program, cli) => {
  program
    .command('restore')
    .summary('make an empty store what a backup holds')
    .description(
      'Makes an empty store the installation that a backup was made of, with the same master key. No server may run on it. When anything is wrong, nothing is changed.',
    )
    .argument('<file>', `what ${GATEHOUSE} backup wrote; - is standard input`)
    .addHelpText(
      'after',
      `
Nobody can know what was revoked after the backup was made. So every grant, session and remembered consent in it has
ended when this is done, and the signing keys are replaced: people sign in and connect again. People, their passkeys
and passwords, clients, MCP servers and the audit trail are as they were.

After restoring by other means (pg_restore, point-in-time recovery), run: ${GATEHOUSE} grant revoke-all`,
    )
    .action(async (file: string) => {
      if (file === '-' && process.stdin.isTTY) {
        throw new UsageError('A backup is not read from a terminal. Name a file, or pipe one in.');
      }
      await cli.withBareStore('own', async ({ config, database, cause }) => {
        const source = file === '-' ? process.stdin : await readWholeFile(file);
        const deps = { pool: database.pool, sealer: createMasterSealer(config.masterKey) };
        return resultOf(await restoreBackup(deps, source, cause));
      });
    });
};

function resultOf({ madeAt, installation, rows, ended }: RestoreSummary): Result {
  return {
    json: {
      made_at: madeAt,
      installation,
      rows,
      grant_epoch: ended.epoch,
      grants_ended: ended.grants,
      sessions_ended: ended.sessions,
    },
    text: [
      `Restored ${rows} rows, as they were at ${minute(madeAt)}. What happened since is not in them.`,
      `Ended ${ended.grants} connections and ${ended.sessions} sessions: people sign in and connect again. New signing keys are made at the next start.`,
      'Whoever was disabled or removed after the backup was made, and whatever credential was replaced, is there again: see to it before you start the server.',
    ].join('\n'),
  };
}
