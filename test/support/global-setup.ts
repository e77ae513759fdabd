import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import type { TestProject } from 'vitest/node';

import { ADMINISTRATION, connectionUrl } from '../../src/platform/database/embedded/endpoint.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/database/embedded/start.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A PostgreSQL whose user may create databases. */
    readonly databaseUrl: string;
  }
}

const PREFIX = 'gatehouse-test-';
const ABANDONED_AFTER_MS = 60_000;

/**
 * Gives every test file one PostgreSQL for the whole run: the one that TEST_DATABASE_URL names, or an embedded
 * one that forgets everything at the end and therefore needs not wait for a disk.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync(process.execPath, [resolve(import.meta.dirname, '../../scripts/generate-client.ts')], {
    stdio: 'inherit',
  });

  const given = process.env['TEST_DATABASE_URL'];
  if (given) {
    project.provide('databaseUrl', given);
    return async () => undefined;
  }
  await sweep();
  const dataDir = mkdtempSync(join(tmpdir(), PREFIX));
  // Started by root, PostgreSQL runs as somebody else, who has to come in here.
  chmodSync(dataDir, 0o755);
  const server = await startVolatile(dataDir);
  project.provide('databaseUrl', connectionUrl(server.endpoint, ADMINISTRATION));
  return async () => {
    await server.close();
    rmSync(dataDir, { recursive: true, force: true });
  };
}

function startVolatile(dataDir: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    dataDir,
    log: pino({ level: 'warn' }),
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
}

/** Ends and removes what runs that were killed have left: a server outlives its run on purpose. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const dataDir = join(tmpdir(), name);
    const age = Date.now() - (statSync(dataDir, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age < ABANDONED_AFTER_MS) continue;
    try {
      // Refused while its run goes on, or when it is another user's.
      const left = await startVolatile(dataDir);
      await left.close();
      rmSync(dataDir, { recursive: true, force: true });
    } catch {}
  }
}
