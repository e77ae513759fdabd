import { randomBytes } from 'node:crypto';
import { loadConfig } from '../../src/config/load.ts';
import { addClient, type NewClient } from '../../src/domain/clients/index.ts';
import { addResource } from '../../src/domain/resources/index.ts';
import type { Installation } from '../../src/installation.ts';
import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import { startServer } from '../../src/main.ts';
import type { Database } from '../../src/platform/database/index.ts';
import type { Outbound, OutboundModule } from '../../src/platform/fetch/index.ts';

import { createTestDatabase } from './database.ts';
import { freePort } from './free-port.ts';
import { startTestWeb } from './web.ts';

export interface TestServer {
  readonly issuer: string;
  readonly database: Database;
  readonly installation: Installation;
  /** The database's URL, for a second process on the same store. */
  readonly databaseUrl: string;
  /** The environment this server was started with. */
  readonly environment: Readonly<Record<string, string>>;
  readonly internal: string;
  stop(): Promise<void>;
}

export const cause = { requestId: 'req_test', actor: { type: 'housekeeping', id: 'test' } } as const;

/** The resource that most tests are about. */
export const FILES = 'https://files.example/mcp';
export const MAIL = 'https://mail.example/mcp';

/**
 * A whole authorization server on a loopback port of its own, on a database of its own, with two
 * resources. Everything in it is real.
 */
export async function startTestServer(
  env: Readonly<Record<string, string>> = {},
  options: {
    /** What the web answers where clients publish; it is served by HTTPS, and the guard stands before it. */
    readonly fetch?: typeof globalThis.fetch;
    /** The way to the web, for example to that of `startTestWeb`. */
    readonly outbound?: Outbound | OutboundModule;
    /** Path of the issuer, for example `/t1`. */
    readonly path?: string;
  } = {},
): Promise<TestServer> {
  const store = await createTestDatabase({ poolSize: 2 });
  const port = await freePort();
  const environment = {
    NODE_ENV: 'test',
    GATEHOUSE_ISSUER: `http://localhost:${port}${options.path ?? ''}`,
    GATEHOUSE_LISTEN: `127.0.0.1:${port}`,
    GATEHOUSE_INTERNAL_LISTEN: '127.0.0.1:0',
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
    GATEHOUSE_LOG_LEVEL: 'silent',
    GATEHOUSE_THROTTLE: 'off',
    // As the default is, and without a look at the network of the machine that tests.
    GATEHOUSE_METADATA_DOCUMENTS: 'open',
    // A fetch that fails is told no earlier.
    GATEHOUSE_FETCH_TIMEOUT: '1',
    DATABASE_URL: store.url,
    ...env,
  };
  const config = loadConfig(environment);
  const web = options.fetch && (await startTestWeb());
  if (options.fetch) web?.otherwise(options.fetch);
  const outbound = options.outbound ?? web?.outbound;
  const server = await startServer(config, outbound ? { outbound } : {});
  await addFixtures(server.database);
  return {
    issuer: config.issuer,
    database: server.database,
    installation: server.installation,
    databaseUrl: store.url,
    environment,
    internal: `http://127.0.0.1:${server.internalAddress?.port}`,
    async stop() {
      await server.stop();
      await web?.stop();
      await store.drop();
    },
  };
}

async function addFixtures({ prisma }: Database): Promise<void> {
  await addResource(
    prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier: FILES,
      name: 'Team Files',
      scopes: [
        { scope: 'files:read', description: 'Read and search your files', destructive: false },
        { scope: 'files:write', description: 'Create and change files', destructive: false },
        { scope: 'files:delete', description: 'Delete files', destructive: true },
      ],
      defaultScopes: ['files:read'],
      tools: [
        { name: 'read_file', title: 'Read a file', scopes: ['files:read'], effect: 'read' },
        { name: 'write_file', title: 'Write a file', scopes: ['files:write'], effect: 'write' },
        { name: 'delete_file', title: 'Delete a file', scopes: ['files:delete'], effect: 'destructive' },
      ],
    },
    cause,
  );
  await addResource(
    prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier: MAIL,
      name: 'Mail',
      scopes: [
        { scope: 'mail:read', description: 'Read your mail', destructive: false },
        { scope: 'files:read', description: 'Read attachments', destructive: false },
      ],
      defaultScopes: ['mail:read'],
      tools: [],
    },
    cause,
  );
}

/** A pre-registered public client with a loopback redirect, unless said otherwise. */
export async function addTestClient(
  { database }: Pick<TestServer, 'database'>,
  client: Partial<NewClient> = {},
): Promise<{ readonly clientId: string; readonly clientSecret: string | undefined }> {
  return addClient(
    database.prisma,
    { tenantId: DEFAULT_TENANT, name: 'Test Client', redirectUris: ['http://127.0.0.1/callback'], ...client },
    cause,
  );
}
