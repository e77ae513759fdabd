/**
 * Generates the Prisma client from prisma/schema into src/platform/database/generated.
 *
 * npm runs it as `prepare`, so a fresh clone is complete after `npm ci`. It does nothing when the client
 * already belongs to the schema and to the installed Prisma, which makes it cheap enough to run before
 * every start and every test run.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const schemaDir = join(root, 'prisma', 'schema');
const output = join(root, 'src', 'platform', 'database', 'generated');
const stamp = join(output, '.schema-sha256');

function installedVersion(name: string): string | undefined {
  try {
    const manifest: unknown = createRequire(import.meta.url)(`${name}/package.json`);
    return (manifest as { version: string }).version;
  } catch {
    return undefined;
  }
}

function fingerprint(): string {
  const hash = createHash('sha256');
  hash.update(`${installedVersion('@prisma/client')}\0`);
  for (const name of readdirSync(schemaDir).sort()) {
    if (name.endsWith('.prisma')) hash.update(`${name}\0${readFileSync(join(schemaDir, name), 'utf8')}\0`);
  }
  return hash.digest('hex');
}

/** Runs `prisma generate`; returns what it said when it failed. */
function generate(): string | undefined {
  const cli = join(root, 'node_modules', 'prisma', 'build', 'index.js');
  if (!existsSync(cli)) return 'prisma is a development dependency and is not installed: run `npm ci`';
  const run = spawnSync(process.execPath, [cli, 'generate', '--no-hints'], {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      // `generate` uses no engine and yet looks for one, on a host that is not always reachable. Any
      // existing executable satisfies it.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: 'true',
      CHECKPOINT_DISABLE: '1',
      NO_COLOR: '1',
    },
  });
  return run.status === 0 ? undefined : `${run.error?.message ?? ''}${run.stdout ?? ''}${run.stderr ?? ''}`;
}

const wanted = fingerprint();
const present = existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
if (present !== wanted) {
  rmSync(stamp, { force: true });
  const failure = generate();
  if (failure === undefined) {
    writeFileSync(stamp, wanted);
  } else {
    console.error(`The database client could not be generated.\n${failure.trim()}`);
    process.exitCode = 1;
  }
}
