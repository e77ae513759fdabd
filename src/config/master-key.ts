import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import type { Settings } from './schema.ts';

const DEVELOPMENT_KEY_FILE = 'keys/master.key';
const KEY_BYTES = 32;
const MAKE_ONE = 'make one with `openssl rand 32 | basenc --base64url` and keep it apart from the database';

/**
 * The master key, from the setting or from its file; a fault is added where it cannot be had.
 *
 * A key of development never serves production: not by default, not by naming its file, and not as a
 * value that anyone could guess.
 */
export function readMasterKey(
  settings: Settings,
  { production, cwd }: { readonly production: boolean; readonly cwd: string },
  faults: string[],
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
  try {
    if (!given && !existsSync(file)) makeKeyFile(file);
    return decode(readFileSync(file, 'utf8'), file, { production }, faults);
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    faults.push(`GATEHOUSE_MASTER_KEY_FILE: ${file} cannot be read or made (${code})`);
    return undefined;
  }
}

/** Whole or not at all, and once: of processes that start together all read the same key. */
function makeKeyFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${randomBytes(KEY_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
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
