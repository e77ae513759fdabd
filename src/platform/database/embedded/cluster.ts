import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { EmbeddedPostgresFailed } from '../errors.ts';
import type { Site } from './site.ts';

/** The major version whose data directories our binaries can read. */
const MAJOR_VERSION = '17';

/** No initdb takes this long: what is older was left by a process that died. */
const ABANDONED_AFTER_MS = 10 * 60_000;

/**
 * Makes the cluster if there is none. It is made under another name, synced and moved into place as a whole,
 * so that a process that dies half-way, or two at once, leave no half a cluster behind.
 *
 * @throws {EmbeddedPostgresFailed} when initdb fails, or the cluster is of another major version.
 */
export async function ensureCluster(site: Site): Promise<void> {
  if (existsSync(site.cluster)) return checkVersion(site);
  removeAbandonedDrafts(site);
  const draft = mkdtempSync(`${site.cluster}.new-`);
  if (site.account) chownSync(draft, site.account.uid, site.account.gid);
  await initialize(site, draft);
  if (existsSync(site.cluster)) rmSync(draft, { recursive: true });
  else putInPlace(draft, site.cluster);
}

/** The superuser's password, where a loopback port has to be protected by one; made once. */
export function passwordOf(site: Site): string | undefined {
  if (site.sockets !== undefined) return undefined;
  const file = join(site.dataDir, 'postgres.password');
  if (!existsSync(file))
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  return readFileSync(file, 'utf8');
}

async function initialize(site: Site, directory: string): Promise<void> {
  const password = passwordOf(site);
  const authentication =
    password === undefined
      ? ['--auth=trust']
      : ['--auth=scram-sha-256', `--pwfile=${join(site.dataDir, 'postgres.password')}`];
  const args = [
    ...['-D', directory, '--username=postgres', '--encoding=UTF8', '--data-checksums'],
    // Byte order and no dependence on the machine's locales: an index keeps its order when the data moves.
    ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--lc-messages=C'],
    ...authentication,
  ];
  const child = spawn(site.binaries.initdb, args, {
    cwd: '/',
    env: {},
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
    ...(site.account && { uid: site.account.uid, gid: site.account.gid }),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on('close', resolve);
    child.on('error', (error) => {
      complaint += error.message;
      resolve(null);
    });
  });
  if (code === 0) return;
  rmSync(directory, { recursive: true, force: true });
  throw new EmbeddedPostgresFailed(
    `PostgreSQL could not make a database in ${site.cluster}:\n${complaint.trim()}`,
  );
}

function putInPlace(draft: string, cluster: string): void {
  try {
    renameSync(draft, cluster);
  } catch (error) {
    if (!existsSync(cluster)) throw error;
    rmSync(draft, { recursive: true });
  }
  if (process.platform === 'win32') return;
  const parent = openSync(dirname(cluster), 'r');
  fsyncSync(parent);
  closeSync(parent);
}

function checkVersion(site: Site): void {
  const version = readFileSync(join(site.cluster, 'PG_VERSION'), 'utf8').trim();
  if (version === MAJOR_VERSION) return;
  throw new EmbeddedPostgresFailed(
    `The database in ${site.cluster} was made by PostgreSQL ${version}; this version of Gatehouse carries ` +
      `PostgreSQL ${MAJOR_VERSION}. Dump it with the version of Gatehouse that made it, and restore it into a new one.`,
  );
}

function removeAbandonedDrafts(site: Site): void {
  const parent = dirname(site.cluster);
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(`${basename(site.cluster)}.new-`)) continue;
    const draft = join(parent, name);
    const age = Date.now() - (statSync(draft, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) rmSync(draft, { recursive: true, force: true });
  }
}
