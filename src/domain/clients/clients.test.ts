import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { METADATA_DOCUMENTS } from '../../../test/fixtures/clients/index.ts';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { byHousekeeping } from '../../kernel/cause.ts';
import { InvalidInput, NotFound } from '../../kernel/errors.ts';
import { DEFAULT_TENANT } from '../../kernel/ids.ts';
import { listAudit } from '../audit/index.ts';
import { seedDefaultTenant } from '../tenants/index.ts';

import { versionOf } from './documents/snapshot.ts';

import {
  addClient,
  type ClientDocument,
  clientSecretMatches,
  findClient,
  findClientCredentials,
  keepDocument,
  listClients,
  readDocument,
  removeClient,
} from './index.ts';

const cause = byHousekeeping('test');
const inHouse = { tenantId: DEFAULT_TENANT, name: 'In-house', redirectUris: ['https://client.example/cb'] };

describe('clients', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
    await seedDefaultTenant(test.database.pool, DEFAULT_TENANT);
  });
  afterAll(() => test.drop());

  it('a pre-registered client is public and known unless told otherwise', async () => {
    const { prisma, pool } = test.database;
    const { clientId, clientSecret } = await addClient(prisma, inHouse, cause);

    expect(clientSecret).toBeUndefined();
    expect(await findClient(pool, clientId)).toMatchObject({
      registration: 'preregistered',
      authMethod: 'none',
      trust: 'known',
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: inHouse.redirectUris,
    });
    expect(await listAudit(prisma, { client: clientId })).toMatchObject([{ event: 'client.added' }]);
  });

  it('MCP 42: ids and secrets are the same raw and form-encoded, and only a hash is kept', async () => {
    const { prisma, pool } = test.database;
    const added = await addClient(prisma, { ...inHouse, authMethod: 'client_secret_basic' }, cause);
    const { clientId, clientSecret = '' } = added;

    expect(clientId).toMatch(/^cli_[\w-]+$/);
    expect(clientSecret).toMatch(/^[\w-]{43}$/);
    const { secretHash } = (await findClientCredentials(pool, clientId)) ?? {};
    expect(clientSecretMatches(secretHash, clientSecret)).toBe(true);
    expect(clientSecretMatches(secretHash, `${clientSecret}=`)).toBe(false);
    expect(clientSecretMatches(undefined, clientSecret)).toBe(false);
    const { rows } = await pool.query('SELECT to_jsonb(c)::text AS row FROM clients c');
    expect(rows.map(({ row }) => row).join()).not.toContain(clientSecret);
  });

  it.each([
    ['javascript:alert(1)'],
    ['java\tscript:alert(1)'],
    ['http://client.example/cb'],
    ['https://*.example.com/*'],
  ])('B2: an administrator cannot register %j either', async (uri) => {
    const before = (await listClients(test.database.pool)).length;
    await expect(addClient(test.database.prisma, { ...inHouse, redirectUris: [uri] }, cause)).rejects.toThrow(
      InvalidInput,
    );
    expect(await listClients(test.database.pool)).toHaveLength(before);
  });

  it.each([
    ['no name', { name: ' ' }],
    ['no redirect URI', { redirectUris: [] }],
    ['keys without private_key_jwt', { jwksUri: 'https://client.example/jwks' }],
    ['private_key_jwt without keys', { authMethod: 'private_key_jwt' as const }],
    ['a refresh with nothing to begin with', { grantTypes: ['refresh_token' as const] }],
  ])('refuses %s', async (_what, change) => {
    await expect(addClient(test.database.prisma, { ...inHouse, ...change }, cause)).rejects.toThrow(
      InvalidInput,
    );
  });

  it('removal ends the grants and the client, or neither', async () => {
    const { prisma, pool } = test.database;
    const { clientId } = await addClient(prisma, inHouse, cause);
    const failing = async () => {
      throw new Error('the grants could not be ended');
    };
    await expect(removeClient({ prisma, revokeGrantsOf: failing }, clientId, cause)).rejects.toThrow(
      'grants',
    );
    expect(await findClient(pool, clientId)).toBeDefined();

    const revokeGrantsOf = async () => 3;
    expect(await removeClient({ prisma, revokeGrantsOf }, clientId, cause)).toEqual({
      clientId,
      name: 'In-house',
      grantsRevoked: 3,
    });
    expect(await findClient(pool, clientId)).toBeUndefined();
    await expect(removeClient({ prisma, revokeGrantsOf }, clientId, cause)).rejects.toThrow(NotFound);
    expect(await listAudit(prisma, { client: clientId, event: 'client.removed' })).toHaveLength(1);
  });

  /** As it is resolved. */
  function documentOf(
    document: { readonly client_id: string } & Readonly<Record<string, unknown>>,
  ): ClientDocument {
    const metadata = readDocument(document.client_id, Buffer.from(JSON.stringify(document)));
    return { metadata, version: versionOf(metadata) };
  }

  it('a client that registers itself is untrusted, and an update does not touch the trust it was given', async () => {
    const { prisma, pool } = test.database;
    const document = METADATA_DOCUMENTS['Claude Code'];
    const id = document.client_id;
    const renamed = documentOf({ ...document, client_name: 'Renamed' });

    expect(await keepDocument(prisma, documentOf(document), DEFAULT_TENANT, cause)).toBe('created');
    expect(await findClient(pool, id)).toMatchObject({ trust: 'untrusted', name: 'Claude Code' });

    await prisma.client.update({ where: { id }, data: { trust: 'trusted' } });
    expect(await keepDocument(prisma, renamed, DEFAULT_TENANT, cause)).toBe('updated');
    expect(await keepDocument(prisma, renamed, DEFAULT_TENANT, cause)).toBe('updated');
    expect(await findClient(pool, id)).toMatchObject({ trust: 'trusted', name: 'Renamed' });
    expect(await listAudit(prisma, { client: id })).toMatchObject([
      { event: 'client.registered' },
      { event: 'client.changed', detail: { name: 'Renamed', changed: ['name'] } },
    ]);

    await removeClient({ prisma, revokeGrantsOf: async () => 0 }, id, cause);
    expect(await keepDocument(prisma, renamed, DEFAULT_TENANT, cause)).toBe('kept');
    expect(await findClient(pool, id)).toBeUndefined();
  });

  it('what a document said is kept for each version that was consented to', async () => {
    const { prisma } = test.database;
    const document = METADATA_DOCUMENTS.ChatGPT;
    const first = documentOf(document);
    const second = documentOf({ ...document, jwks_uri: 'https://chatgpt.com/other/jwks.json' });
    for (const version of [first, second, first]) await keepDocument(prisma, version, DEFAULT_TENANT, cause);

    const kept = await prisma.clientSnapshot.findMany({ where: { clientId: document.client_id } });
    expect(kept.map(({ version }) => Buffer.from(version).toString('base64url')).sort()).toEqual(
      [first.version, second.version].sort(),
    );
    expect(kept.map(({ metadata }) => metadata)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ jwks_uri: document.jwks_uri }),
        expect.objectContaining({ jwks_uri: 'https://chatgpt.com/other/jwks.json' }),
      ]),
    );
  });

  it('MCP 55: a pre-registered record wins over what a document says', async () => {
    const { prisma, pool } = test.database;
    const { clientId } = await addClient(prisma, inHouse, cause);
    const { metadata, version } = documentOf(METADATA_DOCUMENTS.Zed);
    const outcome = await keepDocument(
      prisma,
      { metadata: { ...metadata, client_id: clientId }, version },
      DEFAULT_TENANT,
      cause,
    );
    expect(outcome).toBe('kept');
    expect(await findClient(pool, clientId)).toMatchObject({
      name: 'In-house',
      registration: 'preregistered',
    });
  });
});
