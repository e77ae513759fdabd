import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { endAccess } from '../../../src/domain/grants/index.ts';
import { createAgent } from '../../support/agent.ts';
import { createTestDatabase } from '../../support/database.ts';
import { addPerson, authorizeUrl, basic, obtainCode, pkce, post } from '../../support/flow.ts';
import { startPostgresProxy } from '../../support/postgres-proxy.ts';
import { risen, type Scrape, scrape } from '../../support/scrape.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';
import {
  type Connected,
  connected,
  freshTokens,
  redeem,
  refresh,
  tokensOf,
} from '../../support/token-requests.ts';
import { walk } from '../../support/walk.ts';

let server: TestServer;
let ada: Connected;
beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
});
afterAll(() => server.stop());

/** What doing something added to each of these metrics, by the values of their labels in their order. */
async function counted(action: () => Promise<unknown>, ...names: string[]) {
  const before = await scrape(server);
  await action();
  const after = await scrape(server);
  return Object.fromEntries(
    names.map((name) => [name.replace(/^gatehouse_|_total$/g, ''), risen(before, after, name)]),
  );
}

const TOKENS = 'gatehouse_tokens_total';
const REFUSALS = 'gatehouse_refusals_total';
const REVOKED = 'gatehouse_grants_revoked_total';
const SIGN_INS = 'gatehouse_signins_total';
const RECORDS = 'gatehouse_audit_records_total';

describe('the token endpoint', () => {
  it('counts a code exchange, a refresh, and the repetition of a lost response, once each', async () => {
    const first = await counted(() => freshTokens(server, ada), TOKENS, REFUSALS, RECORDS);
    expect(first).toEqual({
      tokens: { 'authorization_code issued': 1 },
      refusals: {},
      audit_records: {
        'authorization.started success': 1,
        'consent.granted success': 1,
        'grant.issued success': 1,
        'token.issued success': 1,
      },
    });

    const { refreshToken } = await freshTokens(server, ada);
    const twice = async () => {
      await refresh(server, ada.clientId, refreshToken);
      await refresh(server, ada.clientId, refreshToken);
    };
    expect(await counted(twice, TOKENS, REFUSALS)).toEqual({
      tokens: { 'refresh_token issued': 1, 'refresh_token replayed': 1 },
      refusals: {},
    });
  });

  it('counts a reuse as a refusal and as the end of the connection', async () => {
    const { refreshToken, grantId } = await freshTokens(server, ada);
    const next = tokensOf(await refresh(server, ada.clientId, refreshToken));
    await refresh(server, ada.clientId, next.refreshToken);
    await server.database.pool.query(
      "UPDATE refresh_tokens SET used_at = used_at - interval '91 seconds' WHERE grant_id = $1",
      [grantId],
    );
    const reuse = () => refresh(server, ada.clientId, refreshToken);

    expect(await counted(reuse, TOKENS, REFUSALS, REVOKED)).toEqual({
      tokens: { 'refresh_token refused': 1 },
      refusals: { 'refresh.reused refresh_reused': 1 },
      grants_revoked: { refresh_reused: 1 },
    });
    expect(await counted(reuse, TOKENS, REFUSALS, REVOKED)).toEqual({
      tokens: { 'refresh_token refused': 1 },
      refusals: { 'refresh.rejected grant_ended': 1 },
      grants_revoked: {},
    });
  });

  it('counts a code that is used again', async () => {
    const code = await obtainCode(server, ada.agent, ada.clientId);
    await redeem(server, ada.clientId, code);

    expect(await counted(() => redeem(server, ada.clientId, code), TOKENS, REFUSALS, REVOKED)).toEqual({
      tokens: { 'authorization_code refused': 1 },
      refusals: { 'code.reused code_reused': 1 },
      grants_revoked: { code_reused: 1 },
    });
  });

  it('counts each refusal by its reason, and by the kind of request that it was', async () => {
    const code = await obtainCode(server, ada.agent, ada.clientId);
    const { clientId, clientSecret = '' } = await addTestClient(server, {
      authMethod: 'client_secret_basic',
    });
    const { refreshToken } = await freshTokens(server, ada);
    const unknown = pkce().verifier;

    const refusals = async () => {
      await redeem(server, ada.clientId, code, { code_verifier: pkce().verifier });
      await redeem(server, ada.clientId, { code: unknown, verifier: unknown });
      await refresh(server, ada.clientId, unknown);
      await refresh(server, ada.clientId, refreshToken, { scope: 'files:delete' });
      await post(
        server,
        '/token',
        { grant_type: 'refresh_token', refresh_token: unknown },
        basic(clientId, unknown),
      );
      await post(server, '/token', { grant_type: unknown }, basic(clientId, clientSecret));
      await post(server, '/introspect', { token: unknown }, basic(clientId, unknown));
    };
    expect(await counted(refusals, TOKENS, REFUSALS)).toEqual({
      tokens: {
        'authorization_code refused': 2,
        'refresh_token refused': 3,
        'other refused': 1,
      },
      refusals: {
        'token.rejected pkce_mismatch': 1,
        'token.rejected unknown_code': 1,
        'refresh.rejected unknown_refresh_token': 1,
        'token.rejected invalid_scope': 1,
        'client.authentication_failed wrong_secret': 2,
        'token.rejected unsupported_grant_type': 1,
      },
    });
  });
});

describe('the other doors', () => {
  it('counts sign-ins by their method and how they ended', async () => {
    const person = await addPerson(server);
    const agent = createAgent();
    const url = authorizeUrl(server, { client_id: ada.clientId, code_challenge: pkce().challenge });

    const signIns = async () => {
      await expect(walk(agent, url, person, { code: '000000' })).rejects.toThrow();
      await walk(createAgent(), url, person);
    };
    const { signins, refusals } = await counted(signIns, SIGN_INS, REFUSALS);
    expect(signins).toMatchObject({ 'password succeeded': 1 });
    const failures = signins?.['password failed'] ?? 0;
    expect(failures).toBeGreaterThan(0);
    expect(refusals).toEqual({ 'signin.failed wrong_code': failures });
  });

  it('counts connections that were ended together, each by its reason, and none that a rollback kept', async () => {
    const eve = await connected(server);
    await freshTokens(server, eve);
    await freshTokens(server, eve);
    const end = (fails: boolean) => () =>
      server.database.prisma
        .$transaction(async (tx) => {
          await endAccess(tx, { userId: eve.person.id }, 'ended_by_administrator', cause);
          if (fails) throw new Error('after all');
        })
        .catch(() => undefined);

    expect(await counted(end(true), REVOKED)).toEqual({ grants_revoked: {} });
    expect(await counted(end(false), REVOKED)).toEqual({ grants_revoked: { ended_by_administrator: 2 } });
  });

  it('says how long a revocation may go unseen by a server that verifies offline', async () => {
    const { refreshToken } = await freshTokens(server, ada);
    await post(server, '/revoke', { token: refreshToken, client_id: ada.clientId });

    const lag = (await scrape(server)).value('gatehouse_revocation_lag_seconds');
    expect(lag).toBeGreaterThan(590);
    expect(lag).toBeLessThanOrEqual(600);
  });
});

describe('requests', () => {
  it('are counted by route, method and status, in few words whatever was asked for', async () => {
    const ask = (path: string, init: RequestInit = {}) => fetch(`${server.issuer}${path}`, init);
    const requests = async () => {
      await ask('/jwks');
      await ask('/.well-known/oauth-authorization-server');
      await ask('/interaction/made-up-by-somebody');
      await ask('/authorize/made-up-by-somebody');
      await ask('/made-up-by-somebody?ada@example.com');
      await ask('/metrics');
      await ask('/token', { method: 'PROPFIND' });
    };
    const { http_requests } = await counted(requests, 'gatehouse_http_requests_total');

    expect(http_requests).toEqual({
      '/jwks GET 200': 1,
      '/.well-known/oauth-authorization-server GET 200': 1,
      '/interaction/:uid GET 400': 1,
      '/authorize/:uid GET 400': 1,
      'other GET 404': 2,
      '/token other 405': 1,
    });
  });

  it('are timed, and none is in flight when all are answered', async () => {
    const before = await scrape(server);
    await fetch(`${server.issuer}/healthz`);
    const after = await scrape(server);

    const labels = { route: '/healthz' };
    const count = 'gatehouse_http_request_duration_seconds_count';
    expect(after.value(count, labels) - before.value(count, labels)).toBe(1);
    expect(after.value('gatehouse_http_in_flight')).toBe(0);
  });
});

describe('/metrics', () => {
  it('is on the internal listener and nowhere else', async () => {
    const response = await fetch(`${server.issuer}/metrics`);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain('gatehouse_');

    const internal = await fetch(`${server.internal}/metrics`);
    expect(internal.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('tells the state of the store, its pool, the keys, the queue of hashes and the process', async () => {
    const now = await scrape(server);

    expect(now.value('gatehouse_store_up')).toBe(1);
    expect(now.metrics.has('gatehouse_redis_up')).toBe(false);
    expect(now.value('gatehouse_database_pool_size')).toBe(10);
    expect(now.value('gatehouse_database_pool_connections')).toBeGreaterThan(0);
    expect(now.value('gatehouse_database_pool_waiting')).toBe(0);
    expect(now.value('gatehouse_password_hashes_waiting')).toBe(0);
    const current = { state: 'current' };
    expect(
      now.samples.some(({ name, labels }) => name.includes('key_age') && labels['state'] === 'current'),
    ).toBe(true);
    expect(now.value('gatehouse_signing_key_age_seconds', current)).toBeLessThan(600);
    expect(now.value('gatehouse_build_info')).toBe(1);
    expect(now.value('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(now.metrics.has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
  });

  it('G13: has nobody in it: no secret, no person, no client, no connection and no address', async () => {
    const { grantId, accessToken, refreshToken } = await freshTokens(server, ada);
    const { code } = await obtainCode(server, ada.agent, ada.clientId);
    await redeem(server, ada.clientId, { code, verifier: pkce().verifier });
    await fetch(`${server.issuer}/${encodeURIComponent(ada.person.email)}?token=${refreshToken}`);
    const { text } = await scrape(server);

    const { person, clientId } = ada;
    const known = [accessToken, refreshToken, code, grantId, clientId, person.id, person.email, person.name];
    for (const secret of [...known, server.environment['GATEHOUSE_MASTER_KEY'] ?? '']) {
      expect(text).not.toContain(secret);
    }
    expect(text).not.toMatch(/(?:usr|cli|grt|req|ses|pky|aud|ten)_|127\.0\.0\.1|@|eyJ/);
  });
});

describe('a store that is away', () => {
  it('is told, and the scrape is answered all the same', async () => {
    const store = await createTestDatabase({ poolSize: 1 });
    const proxy = await startPostgresProxy(store.url);
    const cut = await startTestServer({ DATABASE_URL: proxy.url });
    try {
      await proxy.cut();
      const away = await scrape(cut);
      expect(away.value('gatehouse_store_up')).toBe(0);
      expect(away.samples.some(({ name }) => name === 'gatehouse_signing_key_age_seconds')).toBe(false);

      await proxy.restore();
      const back = await scrape(cut);
      expect(back.value('gatehouse_store_up')).toBe(1);
      expect(back.samples.some(({ name }) => name === 'gatehouse_signing_key_age_seconds')).toBe(true);
    } finally {
      await cut.stop();
      await proxy.stop();
      await store.drop();
    }
  });
});

describe('a Redis that is away', () => {
  it('is told, with the throttles that count for themselves meanwhile', async () => {
    const alone = await startTestServer({ REDIS_URL: 'redis://127.0.0.1:1', GATEHOUSE_THROTTLE: 'on' });
    try {
      await refresh(alone, 'cli_nobody', 'nothing');
      const now = await scrape(alone);
      expect(now.value('gatehouse_redis_up')).toBe(0);
      expect(now.value('gatehouse_throttle_degraded_total', { limiter: 'refused-requests' })).toBe(1);
    } finally {
      await alone.stop();
    }
  });
});

describe('a throttle', () => {
  it('counts whom it turns away', async () => {
    const strict = await startTestServer({
      GATEHOUSE_THROTTLE: 'on',
      GATEHOUSE_THROTTLE_TOKEN_NETWORK: '2',
    });
    try {
      for (let tries = 0; tries < 4; tries += 1) await refresh(strict, 'cli_nobody', 'nothing');
      const now = await scrape(strict);
      expect(now.value('gatehouse_throttled_total', { limiter: 'refused-requests' })).toBe(2);
      expect(now.value('gatehouse_http_requests_total', { route: '/token', status: '429' })).toBe(2);
    } finally {
      await strict.stop();
    }
  });
});

describe('an issuer with a path', () => {
  it('has the same routes', async () => {
    const below = await startTestServer({}, { path: '/t1' });
    try {
      const { origin } = new URL(below.issuer);
      await fetch(`${below.issuer}/jwks`);
      await fetch(`${below.issuer}/sign-in`);
      await fetch(`${origin}/.well-known/oauth-authorization-server/t1`);
      const now = await scrape(below);
      for (const route of ['/jwks', '/sign-in', '/.well-known/oauth-authorization-server']) {
        expect(now.value('gatehouse_http_requests_total', { route, status: '200' }), route).toBe(1);
      }
    } finally {
      await below.stop();
    }
  });
});

describe('what is left out', () => {
  it('has few series, however much happened', async () => {
    const { samples } = await scrape(server);
    expect(samples.length).toBeLessThan(1_000);
  });

  it('describes each metric of ours in a sentence', async () => {
    const { metrics }: Scrape = await scrape(server);
    const ours = [...metrics].filter(([name]) => name.startsWith('gatehouse_'));
    expect(ours.length).toBeGreaterThan(20);
    for (const [name, { help, type }] of ours) {
      expect(help, name).toMatch(/^[A-Z0-9].{10,}$/);
      expect(type === 'counter', name).toBe(name.endsWith('_total'));
    }
  });
});
