import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAudit } from '../../../src/domain/audit/index.ts';
import { addResource } from '../../../src/domain/resources/index.ts';
import {
  listSecrets,
  MAX_OVERLAP,
  revokePreviousSecret,
  rotateSecret,
  type SecretHolder,
} from '../../../src/domain/secrets/index.ts';
import { InvalidInput, NotFound } from '../../../src/kernel/errors.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { basic, post } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import { connected, freshTokens, recordsOf } from '../../support/token-requests.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.stop());

const nothing = { grant_type: 'refresh_token', refresh_token: 'unknown' };
/** What a client that was let in is told about a refresh token that nobody issued. */
const LET_IN = 400;
const REFUSED = 401;
/** Refused by either method; a row of the test's expectations for each secret. */
const NOWHERE = [REFUSED, REFUSED, REFUSED];
const EVERYWHERE = [LET_IN, LET_IN, 200];

interface Holder {
  readonly holder: SecretHolder;
  readonly secret: string;
}

async function clientWithSecret(): Promise<Holder> {
  const { clientId, clientSecret = '' } = await addTestClient(server, { authMethod: 'client_secret_basic' });
  return { holder: { kind: 'client', id: clientId }, secret: clientSecret };
}

/** How the client is answered in the header, in the body and at introspection. */
async function answersOf({ id }: SecretHolder, secret: string): Promise<readonly number[]> {
  const answers = await Promise.all([
    post(server, '/token', nothing, basic(id, secret)),
    post(server, '/token', { ...nothing, client_id: id, client_secret: secret }),
    post(server, '/introspect', { token: 'x' }, basic(id, secret)),
  ]);
  return answers.map(({ status }) => status);
}

const rotate = (holder: SecretHolder, overlap?: number) =>
  rotateSecret(server.database.prisma, holder, { overlap }, cause);

describe('a secret that is replaced', () => {
  it('J11: ends at once without an overlap', async () => {
    const { holder, secret: old } = await clientWithSecret();
    expect(await answersOf(holder, old)).toEqual(EVERYWHERE);
    const { secret, previousExpiresAt } = await rotate(holder);
    expect(previousExpiresAt).toBeUndefined();
    expect(await answersOf(holder, old)).toEqual(NOWHERE);
    expect(await answersOf(holder, secret)).toEqual(EVERYWHERE);
    const refused = await post(server, '/token', nothing, basic(holder.id, old));
    expect(await recordsOf(server, refused)).toMatchObject([
      { event: 'client.authentication_failed', reason: 'wrong_secret', client: holder.id },
    ]);
  });

  it('J1, J11: with an overlap lives until the database says that it is over, whatever this process thinks', async () => {
    const { holder, secret: old } = await clientWithSecret();
    const { secret, previousExpiresAt } = await rotate(holder, 3600);
    expect(Number(previousExpiresAt) - Date.now()).toBeGreaterThan(3_500_000);
    expect(await answersOf(holder, old)).toEqual(EVERYWHERE);
    expect(await answersOf(holder, secret)).toEqual(EVERYWHERE);
    expect(await answersOf(holder, `${old}x`)).toEqual(NOWHERE);

    await server.database.pool.query('UPDATE clients SET previous_secret_expires_at = now() WHERE id = $1', [
      holder.id,
    ]);
    expect(await answersOf(holder, old)).toEqual(NOWHERE);
    expect(await answersOf(holder, secret)).toEqual(EVERYWHERE);
    expect(await listSecrets(server.database.pool, holder)).toHaveLength(1);
  });

  it('J11: can be ended before its overlap is over', async () => {
    const { holder, secret: old } = await clientWithSecret();
    const { secret } = await rotate(holder, 3600);
    await revokePreviousSecret(server.database.prisma, holder, cause);
    expect(await answersOf(holder, old)).toEqual(NOWHERE);
    expect(await answersOf(holder, secret)).toEqual(EVERYWHERE);
    await expect(revokePreviousSecret(server.database.prisma, holder, cause)).rejects.toThrow(InvalidInput);
  });

  it('is one of two at the most, and in an emergency both end', async () => {
    const { holder, secret: first } = await clientWithSecret();
    const { secret: second } = await rotate(holder, 3600);
    await expect(rotate(holder, 60)).rejects.toThrow(/lives until .* never more than two/);
    expect(await answersOf(holder, first)).toEqual(EVERYWHERE);
    expect(await answersOf(holder, second)).toEqual(EVERYWHERE);

    const { secret: third } = await rotate(holder);
    expect(await answersOf(holder, first)).toEqual(NOWHERE);
    expect(await answersOf(holder, second)).toEqual(NOWHERE);
    expect(await answersOf(holder, third)).toEqual(EVERYWHERE);
  });

  it('of parallel rotations one leaves its secret, and none leaves three', async () => {
    const { holder, secret: old } = await clientWithSecret();
    const rotated = await Promise.allSettled(Array.from({ length: 5 }, () => rotate(holder, 3600)));
    const done = rotated.filter((result) => result.status === 'fulfilled');
    expect(done).toHaveLength(1);
    expect(await answersOf(holder, done[0]?.value.secret ?? '')).toEqual(EVERYWHERE);
    expect(await answersOf(holder, old)).toEqual(EVERYWHERE);
    expect(await listSecrets(server.database.pool, holder)).toHaveLength(2);
  });

  it('J11: of a resource is what it introspects with, and the same is true of it', async () => {
    const person = await connected(server);
    const identifier = 'https://rotating.example/mcp';
    const { resource, secret: old = '' } = await addResource(
      server.database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier,
        name: 'Rotating',
        scopes: [{ scope: 'r:read', description: 'Read', destructive: false }],
        withSecret: true,
      },
      cause,
    );
    const holder = { kind: 'resource', id: resource.id } as const;
    const { accessToken } = await freshTokens(server, person, { resource: identifier, scope: 'r:read' });
    const asks = async (secret: string) => {
      const { status, body } = await post(
        server,
        '/introspect',
        { token: accessToken },
        basic(holder.id, secret),
      );
      return [status, body['active']];
    };
    expect(await asks(old)).toEqual([200, true]);
    const { secret } = await rotate(holder, 3600);
    expect(await asks(old)).toEqual([200, true]);
    expect(await asks(secret)).toEqual([200, true]);
    await revokePreviousSecret(server.database.prisma, holder, cause);
    expect(await asks(old)).toEqual([401, undefined]);
    expect(await asks(secret)).toEqual([200, true]);
    const records = await listAudit(server.database.prisma, { limit: 1_000 });
    const ours = records.filter(
      (record) => record.resource === identifier && record.event.startsWith('secret.'),
    );
    const common = { outcome: 'success', tenant: 'ten_default', detail: { id: holder.id } };
    expect(ours).toMatchObject([
      { event: 'secret.rotated', ...common },
      { event: 'secret.revoked', ...common },
    ]);
  });

  it('gives a resource that had none its first one, and a client that authenticates otherwise none', async () => {
    const { resource } = await addResource(
      server.database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier: 'https://secretless.example/mcp',
        name: 'Secretless',
        scopes: [{ scope: 's:read', description: 'Read', destructive: false }],
      },
      cause,
    );
    const holder = { kind: 'resource', id: resource.id } as const;
    expect(await listSecrets(server.database.pool, holder)).toEqual([]);
    const { secret, previousExpiresAt } = await rotate(holder, 3600);
    expect(previousExpiresAt).toBeUndefined();
    expect(await listSecrets(server.database.pool, holder)).toHaveLength(1);
    const asked = await post(server, '/introspect', { token: 'x' }, basic(holder.id, secret));
    expect(asked).toMatchObject({ status: 200, body: { active: false } });

    const { clientId } = await addTestClient(server);
    await expect(rotate({ kind: 'client', id: clientId })).rejects.toThrow(/without a secret/);
    expect(await listSecrets(server.database.pool, { kind: 'client', id: clientId })).toEqual([]);
  });

  it('refuses whom nobody knows, and an overlap that is none', async () => {
    await expect(rotate({ kind: 'client', id: 'cli_nobody' })).rejects.toThrow(NotFound);
    await expect(listSecrets(server.database.pool, { kind: 'resource', id: 'res_x' })).rejects.toThrow(
      NotFound,
    );
    const { holder, secret } = await clientWithSecret();
    for (const overlap of [-1, 0.5, Number.NaN, MAX_OVERLAP + 1]) {
      await expect(rotate(holder, overlap)).rejects.toThrow(InvalidInput);
    }
    expect(await answersOf(holder, secret)).toEqual(EVERYWHERE);
  });

  it('G13: neither the old nor the new one is in any table or record', async () => {
    const { holder, secret: old } = await clientWithSecret();
    const { secret } = await rotate(holder, 3600);
    await answersOf(holder, old);
    const { rows } = await server.database.pool.query<{ row: string }>(
      `SELECT to_jsonb(c)::text AS row FROM clients c UNION ALL SELECT to_jsonb(a)::text FROM audit_records a`,
    );
    const all = rows.map(({ row }) => row).join('\n');
    expect(all).toContain('secret.rotated');
    expect(all).not.toContain(old);
    expect(all).not.toContain(secret);
  });
});
