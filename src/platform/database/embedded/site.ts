import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { EmbeddedPostgresFailed } from '../errors.ts';
import {
  type Account,
  canEnter,
  canExecute,
  ownerOf,
  runningAsRoot,
  unprivilegedAccount,
} from './account.ts';
import { type Binaries, binariesIn, installedBinaries } from './binaries.ts';

/** Where one embedded PostgreSQL lives and as whom. */
export interface Site {
  /** What the operator named: who owns the installation is recorded here. */
  readonly dataDir: string;
  /** The PostgreSQL cluster. */
  readonly cluster: string;
  /** A private directory for the socket; absent where there are no unix sockets. */
  readonly sockets?: string;
  readonly logFile: string;
  readonly binaries: Binaries;
  /** Set when this process is root and PostgreSQL has to be somebody else. */
  readonly account?: Account;
}

/** For root, where the unprivileged account cannot come to the project: binaries, data and socket. */
const RELOCATED = '/var/lib/gatehouse';

/**
 * The longest socket directory. A socket's whole path ends at 103 bytes on macOS and at 107 on Linux, and
 * PostgreSQL adds `/.s.PGSQL.5432`.
 */
const LONGEST_SOCKET_DIRECTORY = 103 - '/.s.PGSQL.5432'.length;

/**
 * Decides where PostgreSQL lives for a data directory, and prepares the directories.
 *
 * @throws {EmbeddedPostgresFailed} when the cluster belongs to another account.
 */
export function prepareSite(dataDirectory: string): Site {
  mkdirSync(dataDirectory, { recursive: true });
  const dataDir = realpathSync(dataDirectory);
  const binaries = installedBinaries();
  if (process.platform === 'win32') return layOut(dataDir, dataDir, binaries);
  return runningAsRoot() ? prepareAsRoot(dataDir, binaries) : prepareAsUser(dataDir, binaries);
}

function prepareAsUser(dataDir: string, binaries: Binaries): Site {
  const note = join(dataDir, 'postgres.location');
  if (existsSync(note)) {
    throw new EmbeddedPostgresFailed(
      `The data of ${dataDir} was made by root and lies in ${readFileSync(note, 'utf8').trim()}. ` +
        'Start as root again, or choose another data directory (GATEHOUSE_DATA_DIR).',
    );
  }
  const site = layOut(dataDir, dataDir, binaries);
  const owner = lstatSync(site.cluster, { throwIfNoEntry: false })?.uid;
  if (owner !== undefined && owner !== process.getuid?.()) {
    throw new EmbeddedPostgresFailed(
      `The database in ${site.cluster} belongs to user ${owner}. ` +
        'Start as that user or as root, or choose another data directory (GATEHOUSE_DATA_DIR).',
    );
  }
  return { ...site, sockets: socketDirectory(dataDir, undefined) };
}

function prepareAsRoot(dataDir: string, installed: Binaries): Site {
  const relocated = join(RELOCATED, shortHash(dataDir));
  const account =
    ownerOf(join(dataDir, 'postgres')) ?? ownerOf(join(relocated, 'postgres')) ?? unprivilegedAccount();
  if (account === undefined) {
    throw new EmbeddedPostgresFailed(
      'PostgreSQL refuses to run as root, and this machine has neither a user "postgres" nor "nobody". ' +
        'Start as another user, or name a PostgreSQL of your own in DATABASE_URL.',
    );
  }
  const home = canEnter(account, dataDir) ? dataDir : relocated;
  if (home === relocated) {
    makePublicDirectory(relocated);
    writeFileSync(join(dataDir, 'postgres.location'), `${relocated}\n`);
  }
  const binaries = canExecute(account, installed.postgres) ? installed : copyBinaries(installed, relocated);
  return { ...layOut(dataDir, home, binaries), account, sockets: socketDirectory(home, account) };
}

function layOut(dataDir: string, home: string, binaries: Binaries): Site {
  return { dataDir, cluster: join(home, 'postgres'), logFile: join(home, 'postgres.log'), binaries };
}

/** Copies the distribution to where the account can run it; whole or not at all. */
function copyBinaries(installed: Binaries, home: string): Binaries {
  makePublicDirectory(home);
  const version = shortHash(readFileSync(join(installed.directory, '..', 'package.json'), 'utf8'));
  const target = join(home, `binaries-${version}`);
  if (!existsSync(target)) {
    const partial = `${target}.${process.pid}`;
    cpSync(installed.directory, partial, { recursive: true, verbatimSymlinks: true });
    openToReaders(partial);
    if (existsSync(target)) rmSync(partial, { recursive: true });
    else renameSync(partial, target);
  }
  return binariesIn(target);
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

function makePublicDirectory(path: string): void {
  for (const directory of [RELOCATED, path]) {
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
  }
}

/** The socket's directory: beside the data where its path is short enough, else a short one. Nobody else enters. */
function socketDirectory(home: string, account: Account | undefined): string {
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
  if (account) {
    makePublicDirectory(RELOCATED);
    return join(RELOCATED, `run-${shortHash(home)}`);
  }
  const name = `gatehouse-${process.getuid?.()}-${shortHash(home)}`;
  const preferred = join(tmpdir(), name);
  return Buffer.byteLength(preferred) <= LONGEST_SOCKET_DIRECTORY ? preferred : join('/tmp', name);
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
