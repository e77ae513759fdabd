import { resolve } from 'node:path';
import { readMasterKeyFile } from '../config/master-key.ts';
import { rotateMasterKey } from '../domain/keys/index.ts';
import { GATEHOUSE } from '../kernel/command-line.ts';
import { createMasterSealer } from '../platform/crypto/seal.ts';

import type { Register } from './cli.ts';
import { UsageError } from './failure.ts';

/** `keys rotate-master`: seals the data keys under another master key. */
export const keysRotateMaster: Register = (keys, cli) => {
  keys
    .command('rotate-master')
    .summary('replace the master key')
    .description(
      'Seals the data keys of the store under the master key in FILE, in one transaction. The settings name the present master key. Nothing else is rewritten: tokens, sessions, second factors and signing keys stay as they are.',
    )
    .argument('<file>', `the new master key; make it with ${GATEHOUSE} keys create-master`)
    .addHelpText(
      'after',
      `
Afterwards set GATEHOUSE_MASTER_KEY_FILE to FILE for every server and command, and restart the servers (SIGHUP where
they have workers). Servers that run go on working until then, except that they cannot follow keys rotate
--compromised. Interrupted, one of the two master keys opens the store: run it again.

Keep the old master key for as long as backups from before are kept: each is restored with the key of its time.
When someone may have copied the database and a key, run keys rotate --compromised first, then keys rotate-master.`,
    )
    .action(async (file: string) => {
      const path = resolve(file);
      const next = readMasterKeyFile(path);
      if (!Buffer.isBuffer(next)) throw new UsageError(next.faults.join('\n'));
      await cli.withStore(async ({ config, database, cause }) => {
        if (next.equals(config.masterKey)) throw new UsageError(`${path} is the present master key.`);
        const change = { from: createMasterSealer(config.masterKey), to: createMasterSealer(next) };
        const { dataKeys } = await rotateMasterKey(database.pool, change, cause);
        return {
          json: { file: path, data_keys: dataKeys },
          text: `The store is sealed with ${path} now (${dataKeys} data keys). Set GATEHOUSE_MASTER_KEY_FILE to it for every server and command, and restart the servers.`,
        };
      });
    });
};
