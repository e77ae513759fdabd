import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { EmbeddedPostgresFailed } from '../errors.ts';
import { type Binaries, binariesIn } from './binaries.ts';

/** For root, where the unprivileged account cannot come to the project: binaries, data and sockets. */
export const RELOCATED = '/var/lib/gatehouse';

/**
 * Where the data of a data directory lies instead, if it does. The note in the data directory alone says so:
 * data that was once made there stays there, whatever became reachable since, and who removes the data directory
 * begins anew.
 */
export function relocatedHome(dataDir: string): string | undefined {
  const note = noteIn(dataDir);
  const name = existsSync(note) ? readFileSync(note, 'utf8').trim() : '';
  // Root follows this note, so it leads nowhere but below RELOCATED.
  return /^\/var\/lib\/gatehouse\/[0-9a-f]{12}$/.test(name) ? name : undefined;
}

/** Chooses a place for the data below RELOCATED, and notes it in the data directory. */
export function chooseRelocatedHome(dataDir: string): string {
  const draft = `${noteIn(dataDir)}.${process.pid}`;
  writeFileSync(draft, `${join(RELOCATED, randomBytes(6).toString('hex'))}\n`);
  try {
    linkSync(draft, noteIn(dataDir));
  } catch (error) {
    // Another process was quicker; its place is the place.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  rmSync(draft);
  const home = relocatedHome(dataDir);
  if (home === undefined) throw new EmbeddedPostgresFailed(`${noteIn(dataDir)} cannot be read. Remove it.`);
  return home;
}

/** Copies the distribution to where everybody can run it, once for all installations; whole or not at all. */
export function copyBinaries(installed: Binaries): Binaries {
  makePublicDirectory(RELOCATED);
  const version = readFileSync(join(installed.directory, '..', 'package.json'));
  const target = join(
    RELOCATED,
    `binaries-${createHash('sha256').update(version).digest('hex').slice(0, 12)}`,
  );
  if (!existsSync(target)) {
    const partial = `${target}.${process.pid}`;
    cpSync(installed.directory, partial, { recursive: true, verbatimSymlinks: true });
    openToReaders(partial);
    putInPlace(partial, target);
  }
  return binariesIn(target);
}

function putInPlace(partial: string, target: string): void {
  try {
    renameSync(partial, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
    rmSync(partial, { recursive: true });
  }
}

/** Makes every file below readable by everybody, whatever umask the installation was made with. */
function openToReaders(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) continue;
    const executable = entry.isDirectory() || (lstatSync(path).mode & 0o100) !== 0;
    chmodSync(path, executable ? 0o755 : 0o644);
  }
}

/** A directory below RELOCATED that everybody may pass, whatever the umask. */
export function makePublicDirectory(path: string): void {
  for (const directory of [RELOCATED, path]) {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
  }
}

function noteIn(dataDir: string): string {
  return join(dataDir, 'postgres.location');
}
