import { GATEHOUSE } from '../../kernel/command-line.ts';

const MESSAGES = {
  wrong:
    'The master key is not the one that this store was sealed with, so nothing was read or written. ' +
    'Set GATEHOUSE_MASTER_KEY_FILE to the key of this installation, or DATABASE_URL to the store of this key. ' +
    `After \`${GATEHOUSE} keys rotate-master\` it is the new file.`,
  damaged:
    'The data keys of this store are missing or were altered, so nothing was read or written. ' +
    'Restore the backup of before, or the tables data_keys and installation of one moment.',
  backup:
    'The backup was made under another master key, and without that one nothing in it can be used. ' +
    'Set GATEHOUSE_MASTER_KEY_FILE to the key of the installation that was backed up.',
} as const;

/** The master key does not open this store, or a backup of one. Nothing was written. */
export class MasterKeyRefused extends Error {
  override readonly name = 'MasterKeyRefused';
  readonly code = 'master_key_refused';

  constructor(why: keyof typeof MESSAGES, options?: ErrorOptions) {
    super(MESSAGES[why], options);
  }
}
