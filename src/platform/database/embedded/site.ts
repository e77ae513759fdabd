import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
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
import { type Binaries, installedBinaries } from './binaries.ts';
import { chooseRelocatedHome, copyBinaries, makePublicDirectory, relocatedHome } from './relocation.ts';
import { socketDirectory } from './sockets.ts';

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
  const elsewhere = relocatedHome(dataDir);
  if (elsewhere !== undefined) {
    throw new EmbeddedPostgresFailed(
      `The data of ${dataDir} was made by root and lies in ${elsewhere}. ` +
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
  const elsewhere = relocatedHome(dataDir);
  const account = ownerOf(join(elsewhere ?? dataDir, 'postgres')) ?? unprivilegedAccount();
  if (account === undefined) {
    throw new EmbeddedPostgresFailed(
      'PostgreSQL refuses to run as root, and this machine has neither a user "postgres" nor "nobody". ' +
        'Start as another user, or name a PostgreSQL of your own in DATABASE_URL.',
    );
  }
  const home = elsewhere ?? (canEnter(account, dataDir) ? dataDir : chooseRelocatedHome(dataDir));
  if (home !== dataDir) makePublicDirectory(home);
  const binaries = canExecute(account, installed.postgres) ? installed : copyBinaries(installed);
  return { ...layOut(dataDir, home, binaries), account, sockets: socketDirectory(home, account) };
}

function layOut(dataDir: string, home: string, binaries: Binaries): Site {
  return { dataDir, cluster: join(home, 'postgres'), logFile: join(home, 'postgres.log'), binaries };
}
