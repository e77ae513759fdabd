import { createHash } from 'node:crypto';
import { chownSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { EmbeddedPostgresFailed } from '../errors.ts';
import type { Account } from './account.ts';
import { makePublicDirectory, RELOCATED } from './relocation.ts';

/**
 * The longest socket directory. A socket's whole path ends at 103 bytes on macOS and at 107 on Linux, and
 * PostgreSQL adds `/.s.PGSQL.5432`.
 */
const LONGEST_SOCKET_DIRECTORY = 103 - '/.s.PGSQL.5432'.length;

/**
 * Prepares the socket's directory: beside the data where its path is short enough, else a short one. Only the
 * account that runs PostgreSQL (and root) may enter; that is what authenticates a connection.
 *
 * @throws {EmbeddedPostgresFailed} when somebody else has put something in its place.
 */
export function socketDirectory(home: string, account: Account | undefined): string {
  const preferred = join(home, 'run');
  const fits = Buffer.byteLength(preferred) <= LONGEST_SOCKET_DIRECTORY && !/[,"'\s]/.test(preferred);
  const directory = fits ? preferred : shortDirectory(home, account);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stat = lstatSync(directory);
  if (account && stat.isDirectory() && stat.uid === 0) chownSync(directory, account.uid, account.gid);
  const owner = lstatSync(directory).uid;
  const expected = account?.uid ?? process.getuid?.();
  if (!stat.isDirectory() || owner !== expected || (stat.mode & 0o077) !== 0) {
    throw new EmbeddedPostgresFailed(
      `${directory} is to hold the database's socket, and is not private. Remove it.`,
    );
  }
  return directory;
}

function shortDirectory(home: string, account: Account | undefined): string {
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 12);
  if (account) {
    makePublicDirectory(RELOCATED);
    return join(RELOCATED, `run-${hash}`);
  }
  const name = `gatehouse-${process.getuid?.()}-${hash}`;
  const preferred = join(tmpdir(), name);
  return Buffer.byteLength(preferred) <= LONGEST_SOCKET_DIRECTORY ? preferred : join('/tmp', name);
}
