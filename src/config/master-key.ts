import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { GATEHOUSE } from '../kernel/command-line.ts';

import type { Settings } from './schema.ts';

const DEVELOPMENT_KEY_FILE = 'keys/master.key';
const KEY_BYTES = 32;
const MAKE_ONE = `make one with \`${GATEHOUSE} keys create-master FILE\` and keep it apart from the database`;
/** Permission bits of group and others. */
const SHARED_MODE = 0o077;

/**
 * The master key, from the setting or from its file; a fault is added where it cannot be had.
 *
 * A key of development never serves production: not by default, not by naming its file, and not as a
 * value that anyone could guess. No key is made for a store that `DATABASE_URL` names, which may be sealed with
 * another one. Production refuses a file that group or others can read; elsewhere that is a warning.
 */
export function readMasterKey(
  settings: Settings,
  { production, cwd }: { readonly production: boolean; readonly cwd: string },
  faults: string[],
  warnings: string[],
): Buffer | undefined {
  if (settings.GATEHOUSE_MASTER_KEY) {
    return decode(settings.GATEHOUSE_MASTER_KEY, 'GATEHOUSE_MASTER_KEY', { production }, faults);
  }
  const developmentFile = resolve(cwd, DEVELOPMENT_KEY_FILE);
  const given = settings.GATEHOUSE_MASTER_KEY_FILE;
  const file = given ? resolve(cwd, given) : developmentFile;

  if (production && !given) {
    faults.push(`GATEHOUSE_MASTER_KEY_FILE: production needs a master key; ${MAKE_ONE}`);
    return undefined;
  }
  if (production && file === developmentFile) {
    faults.push(`GATEHOUSE_MASTER_KEY_FILE: ${DEVELOPMENT_KEY_FILE} is the key of development; ${MAKE_ONE}`);
    return undefined;
  }
  if (!given && settings.DATABASE_URL && !existsSync(file)) {
    faults.push(
      'GATEHOUSE_MASTER_KEY_FILE: DATABASE_URL is set, so no master key is made: name the key file of that store; ' +
        `for a new store ${MAKE_ONE}`,
    );
    return undefined;
  }
  try {
    if (!given && !existsSync(file)) createKeyFile(file);
    reportSharedFile(file, production ? faults : warnings);
    return decode(readFileSync(file, 'utf8'), file, { production }, faults);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    faults.push(`GATEHOUSE_MASTER_KEY_FILE: ${file} cannot be read or made (${code})`);
    return undefined;
  }
}

function reportSharedFile(file: string, reports: string[]): void {
  if (process.platform === 'win32') return;
  const mode = statSync(file).mode & 0o777;
  if ((mode & SHARED_MODE) === 0) return;
  reports.push(
    `GATEHOUSE_MASTER_KEY_FILE: ${file} has mode ${mode.toString(8).padStart(4, '0')}, so others can read it; run: chmod 600 ${file}`,
  );
}

/** Makes the key file of development unless there is one: of processes that start together all read the same key. */
function createKeyFile(file: string): void {
  try {
    createMasterKeyFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Writes a new random master key to a file that only its owner can read (mode 0600): whole or not at all.
 *
 * @throws a system error with code `EEXIST` when there is such a file, which is never overwritten.
 */
export function createMasterKeyFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${randomBytes(KEY_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

function decode(
  value: string,
  from: string,
  { production }: { readonly production: boolean },
  faults: string[],
): Buffer | undefined {
  const text = value.trim();
  const key = Buffer.from(text, 'base64url');
  if (!/^[\w-]+=?$/.test(text) || key.length !== KEY_BYTES) {
    faults.push(
      `${from}: the master key must be ${KEY_BYTES} bytes in base64url (it has ${key.length}); ${MAKE_ONE}`,
    );
    return undefined;
  }
  // Random bytes repeat themselves this much less than once in 2^128 times.
  if (production && new Set(key).size < 8) {
    faults.push(`${from}: this master key is not random; ${MAKE_ONE}`);
    return undefined;
  }
  return key;
}

/**
 * Reads a master key from its file, for `keys rotate-master`.
 *
 * @returns the key, or what is wrong with the file.
 */
export function readMasterKeyFile(file: string): Buffer | { readonly faults: readonly string[] } {
  const faults: string[] = [];
  try {
    reportSharedFile(file, faults);
    const key = decode(readFileSync(file, 'utf8'), file, { production: true }, faults);
    return key === undefined || faults.length > 0 ? { faults } : key;
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return { faults: [`${file} cannot be read (${code}); ${MAKE_ONE}`] };
  }
}
