import { afterAll, beforeAll, expect, it } from 'vitest';

import { removeClient } from '../../../src/domain/clients/index.ts';
import { endConnectionsOfClient, revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { post } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  freshTokens,
  refresh,
  type Tokens,
} from '../../support/token-requests.ts';

const MANY = 20_000;

let server: TestServer;
let ada: Connected;
let other: Connected;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
  other = { ...ada, clientId: (await addTestClient(server)).clientId };
});
afterAll(() => server.stop());

/** As many living grants more as one compromised client may have. */
async function multiply({ grantId }: Tokens): Promise<void> {
  const columns = `tenant_id, user_id, client_id, resource_id, scopes, oidc_scopes, redirect_uri, auth_time, acr, amr,
    epoch, activated_at, expires_at`;
  await server.database.pool.query(
    `INSERT INTO grants (id, ${columns}) SELECT 'grt_many_' || $2 || n, ${columns}
     FROM grants, generate_series(1, $3::int) n WHERE id = $1`,
    [grantId, `${grantId}_`, MANY],
  );
}

const active = async (clientId: string, token: string) =>
  (await post(server, '/introspect', { token, client_id: clientId })).body['active'];
const recordsOf = async (clientId: string) => {
  const { rows } = await server.database.pool.query(
    `SELECT count(*)::int AS count, count(DISTINCT "grant")::int AS grants, count(DISTINCT id)::int AS ids,
            min(reason) AS reason, min(subject) AS subject, min(tenant) AS tenant, min(request_id) AS request,
            bool_and(id ~ '^aud_[A-Za-z0-9_-]{22}$') AS named
     FROM audit_records WHERE event = 'grant.revoked' AND client = $1`,
    [clientId],
  );
  return rows[0];
};

it.each([
  [
    'a client that is removed',
    'client_removed',
    async (clientId: string) =>
      (await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause)).grantsRevoked,
  ],
  [
    'a client whose connections are all ended',
    'ended_by_administrator',
    (clientId: string) => endConnectionsOfClient(server.database.prisma, clientId, cause),
  ],
] as const)(
  'W7: %s loses 20,000 grants at once, with a record each, and nobody else loses any',
  async (_what, reason, act) => {
    const compromised = { ...ada, clientId: (await addTestClient(server)).clientId };
    const theirs = await freshTokens(server, compromised);
    const others = await freshTokens(server, other);
    await multiply(theirs);
    expect(await active(compromised.clientId, theirs.accessToken)).toBe(true);

    const started = performance.now();
    expect(await act(compromised.clientId)).toBe(MANY + 1);
    expect(performance.now() - started).toBeLessThan(10_000);

    expect(await active(other.clientId, theirs.accessToken)).not.toBe(true);
    expect((await refresh(server, compromised.clientId, theirs.refreshToken)).status).toBeGreaterThanOrEqual(
      400,
    );
    const { rows } = await server.database.pool.query(
      'SELECT count(*)::int AS living FROM grants WHERE client_id = $1 AND revoked_at IS NULL',
      [compromised.clientId],
    );
    expect(rows).toEqual([{ living: 0 }]);
    expect(await recordsOf(compromised.clientId)).toEqual({
      count: MANY + 1,
      grants: MANY + 1,
      ids: MANY + 1,
      named: true,
      reason,
      subject: ada.person.id,
      tenant: 'ten_default',
      request: cause.requestId,
    });
    const metrics = await (await fetch(`${server.internal}/metrics`)).text();
    expect(metrics).toContain(`gatehouse_grants_revoked_total{reason="${reason}"} ${MANY + 1}`);
    expect(await active(other.clientId, others.accessToken)).toBe(true);
  },
  60_000,
);
