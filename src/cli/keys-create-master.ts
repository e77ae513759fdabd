import { resolve } from 'node:path';

import { createMasterKeyFile } from '../config/master-key.ts';
import { AlreadyExists } from '../kernel/errors.ts';

import type { Register } from './cli.ts';

/** `keys create-master`: makes a master key for a new installation, or to replace the present one. */
export const keysCreateMaster: Register = (keys, cli) => {
  keys
    .command('create-master')
    .summary('make a master key in a new file')
    .description(
      'Writes 32 random bytes, in base64url, to a new file that only its owner can read (mode 0600). A file that is there is never overwritten. No store is opened.',
    )
    .argument('<file>', 'the file to make')
    .action((file: string) => {
      const path = resolve(file);
      try {
        createMasterKeyFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new AlreadyExists(`${path} exists, and a master key is never overwritten`);
      }
      cli.print({
        json: { file: path },
        text: `Made a master key in ${path}. Set GATEHOUSE_MASTER_KEY_FILE to it, and keep a copy apart from the database and its backups: without it nothing in them can be used.`,
      });
    });
};
