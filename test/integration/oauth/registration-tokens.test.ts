import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revokeAllGrants } from '../../../src/domain/backup/index.ts';
import {
  createRegistrationToken,
  findClient,
  listRegistrationTokens,
  revokeRegistrationToken,
} from '../../../src/domain/clients/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { observe } from '../../support/audit.ts';
import { NATIVE, register } from '../../support/registration.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let open: TestServer;

beforeAll(async () => {
  server = await startTestServer({ GATEHOUSE_DYNAMIC_REGISTRATION: 'initial-access-token' });
  open = await startTestServer();
});
afterAll(async () => {
  await server.stop();
  await open.stop();
});

const create = (
  of: TestServer,
  { uses = 1, trust = 'untrusted' }: { readonly uses?: number; readonly trust?: 'untrusted' | 'known' } = {},
) =>
  createRegistrationToken(
    of.database.prisma,
    { tenantId: DEFAULT_TENANT, uses, trust, lifetime: 3600 },
    cause,
  );

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const usedOf = async (of: TestServer, id: string) =>
  (await listRegistrationTokens(of.database.prisma)).find((token) => token.id === id)?.used;

describe('an initial access token', () => {
  it.each(['untrusted', 'known'] as const)('L1: lets a client register, as %s', async (trust) => {
    const { id, token } = await create(server, { trust });
    const { value: registered, records } = await observe(server, () =>
      register(server, NATIVE, bearer(token)),
    );
    expect(registered.status).toBe(201);
    expect(await findClient(server.database.pool, registered.body.client_id)).toMatchObject({
      registration: 'dynamic',
      trust,
    });
    expect(records).toEqual([
      expect.objectContaining({
        event: 'client.registered',
        detail: expect.objectContaining({ registration_token: id, trust }),
      }),
    ]);
    expect(await usedOf(server, id)).toBe(1);
  });

  it('L1: is kept as a hash, and neither the trail nor the list has it', async () => {
    const { token } = await create(server);
    await register(server, NATIVE, bearer(token));
    const { rows } = await server.database.pool.query(
      `SELECT to_jsonb(t)::text AS row FROM registration_tokens t
       UNION ALL SELECT to_jsonb(a)::text FROM audit_records a UNION ALL SELECT to_jsonb(c)::text FROM clients c`,
    );
    const listed = JSON.stringify(await listRegistrationTokens(server.database.prisma));
    expect(token).toMatch(/^ghi_[\w-]{43}$/);
    for (const secret of [token, token.slice(4)]) {
      expect(rows.map(({ row }) => row).join('\n') + listed).not.toContain(secret);
    }
  });

  it('L1: of no more use is refused, with the reason in the record and nothing kept', async () => {
    const usedUp = await create(server);
    await register(server, NATIVE, bearer(usedUp.token));
    const revoked = await create(server);
    await revokeRegistrationToken(server.database.prisma, revoked.id, cause);
    const expired = await create(server);
    await server.database.pool.query(`UPDATE registration_tokens SET expires_at = now() WHERE id = $1`, [
      expired.id,
    ]);
    const answers = new Set<string>();
    for (const [headers, reason] of [
      [bearer(usedUp.token), 'registration_token_used_up'],
      [bearer(revoked.token), 'registration_token_revoked'],
      [bearer(expired.token), 'registration_token_expired'],
      [bearer('ghi_guessed'), 'registration_token_unknown'],
      [bearer(`${usedUp.token}=`), 'registration_token_unknown'],
      [{ authorization: `Basic ${usedUp.token}` }, 'registration_token_missing'],
      [{}, 'registration_token_missing'],
    ] as const) {
      const {
        value: refused,
        records,
        clients,
      } = await observe(server, () => register(server, NATIVE, headers));
      expect(refused.status).toBe(401);
      expect(refused.body).toMatchObject({ error: 'invalid_token', error_description: expect.any(String) });
      expect(refused.headers.get('www-authenticate')).toBe(
        'authorization' in headers ? 'Bearer error="invalid_token"' : 'Bearer',
      );
      expect(records).toEqual([
        expect.objectContaining({ event: 'client.rejected', outcome: 'refused', reason }),
      ]);
      expect(clients).toBe(0);
      if (reason !== 'registration_token_missing') answers.add(JSON.stringify(refused.body));
    }
    // What it was that failed is nobody's business outside.
    expect(answers.size).toBe(1);
  });

  it('L1: is counted by the database: of many at once exactly as many register as it has uses', async () => {
    const { id, token } = await create(server, { uses: 3 });
    const {
      value: answers,
      records,
      clients,
    } = await observe(server, () =>
      Promise.all(Array.from({ length: 12 }, () => register(server, NATIVE, bearer(token)))),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(9);
    expect(clients).toBe(3);
    expect(records).toHaveLength(12);
    expect(records.filter(({ reason }) => reason === 'registration_token_used_up')).toHaveLength(9);
    expect(await usedOf(server, id)).toBe(3);
  });

  it('L1: loses no use to a registration that is refused', async () => {
    const { id, token } = await create(server);
    for (const body of [{ ...NATIVE, redirect_uris: ['javascript:alert(1)'] }, '{', '[]']) {
      expect((await register(server, body, bearer(token))).status).toBe(400);
    }
    expect(await usedOf(server, id)).toBe(0);
    expect((await register(server, NATIVE, bearer(token))).status).toBe(201);
  });

  it('U6: ends with everything else when the store was put back', async () => {
    const { token } = await create(server, { uses: 5 });
    await revokeAllGrants(server.database.pool, cause);
    const { value: refused, records } = await observe(server, () => register(server, NATIVE, bearer(token)));
    expect(refused.status).toBe(401);
    expect(records[0]).toMatchObject({ reason: 'registration_token_revoked' });
  });
});

describe('where everybody may register', () => {
  it('a token that is ours counts, also when it is of no more use', async () => {
    const { token } = await create(open, { trust: 'known' });
    const registered = await register(open, NATIVE, bearer(token));
    expect(await findClient(open.database.pool, registered.body.client_id)).toMatchObject({ trust: 'known' });
    expect((await register(open, NATIVE, bearer(token))).status).toBe(401);
  });

  it('MCP 57: whatever else a client has for a token is not looked at', async () => {
    for (const authorization of ['Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln', 'Basic eDp5', 'Bearer', 'x']) {
      const { status, body } = await register(open, NATIVE, { authorization });
      expect(status).toBe(201);
      expect(await findClient(open.database.pool, body.client_id)).toMatchObject({ trust: 'untrusted' });
    }
  });
});

describe('where nobody may', () => {
  it('L1, MCP 8: there is no registration endpoint, and none is announced', async () => {
    const off = await startTestServer({ GATEHOUSE_DYNAMIC_REGISTRATION: 'off' });
    try {
      const { token } = await create(off);
      const { value: refused, clients } = await observe(off, () => register(off, NATIVE, bearer(token)));
      expect(refused.status).toBe(403);
      expect(refused.body).toHaveProperty('error');
      expect(clients).toBe(0);
      for (const path of ['oauth-authorization-server', 'openid-configuration']) {
        const metadata = await (await fetch(`${off.issuer}/.well-known/${path}`)).json();
        expect(metadata).not.toHaveProperty('registration_endpoint');
      }
    } finally {
      await off.stop();
    }
  });
});
