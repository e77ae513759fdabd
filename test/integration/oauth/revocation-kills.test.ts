import { createClient } from 'redis';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { hashSecret, newId, newSecret } from '../../../src/kernel/ids.ts';
import { claimsOf } from '../../support/flow.ts';
import { available, redisUrl } from '../../support/requirements.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import {
  type Connected,
  connected,
  freshTokens,
  introspect,
  refresh,
  type Tokens,
} from '../../support/token-requests.ts';

/** `npm run test:long` goes on until a thousand revocations were acknowledged. */
const LONG = process.env['GATEHOUSE_TEST_LONG'] !== undefined;
const ENOUGH = LONG ? 1_000 : 60;
/** Revocations on their way at the same time, and how many answers the process lives for. */
const AT_ONCE = 64;
const ANSWERS = 40;

let server: TestServer;
let environment: Readonly<Record<string, string>>;
let ada: Connected;
let model: Tokens;

beforeAll(async () => {
  server = await startTestServer();
  ada = await connected(server);
  model = await freshTokens(server, ada);
  environment = { ...server.environment, GATEHOUSE_THROTTLE: 'on', ...(redis ? { REDIS_URL: redis } : {}) };
});
afterAll(() => server.stop());

/** Emptied here, so it is a database that no other test uses. */
const redis = available('redis') ? new URL('/11', redisUrl).href : undefined;

async function emptyRedis(): Promise<void> {
  if (redis === undefined) return;
  const client = await createClient({ url: redis }).connect();
  await client.flushDb();
  await client.close();
}

/** Connections like the one that was made, each with a refresh token and an access token of its own. */
async function connections(count: number): Promise<readonly Tokens[]> {
  const columns = `tenant_id, user_id, client_id, resource_id, scopes, oidc_scopes, redirect_uri, auth_time, acr, amr,
    client_epoch, epoch, activated_at, expires_at`;
  const made = Array.from({ length: count }, () => ({ grantId: newId('grt'), refreshToken: newSecret() }));
  const { pool } = server.database;
  await pool.query(
    `INSERT INTO grants (id, ${columns}) SELECT n, ${columns} FROM grants, unnest($2::text[]) n WHERE id = $1`,
    [model.grantId, made.map(({ grantId }) => grantId)],
  );
  await pool.query(
    `INSERT INTO refresh_tokens (token_hash, grant_id, client_id, generation, secret_version, expires_at)
     SELECT n.hash, n.id, $1, 0, 0, now() + interval '1 day' FROM unnest($2::text[], $3::bytea[]) AS n (id, hash)`,
    [
      ada.clientId,
      made.map(({ grantId }) => grantId),
      made.map(({ refreshToken }) => hashSecret(refreshToken)),
    ],
  );
  const claims = claimsOf(model.accessToken);
  return Promise.all(
    made.map(async ({ grantId, refreshToken }) => ({
      grantId,
      refreshToken,
      accessToken: await server.installation.keys.sign(
        { ...claims, grant_id: grantId, jti: newSecret() },
        { typ: 'at+jwt' },
      ),
    })),
  );
}

/** Revokes all at once, kills the process in the moment of an answer, and says what it had acknowledged. */
async function revokeUntilKilled(
  target: ServerProcess,
  tokens: readonly string[],
): Promise<readonly number[]> {
  const acknowledged: number[] = [];
  await Promise.all(
    tokens.map(async (token, index) => {
      const answer = await target.post('/revoke', { token, client_id: ada.clientId }).catch(() => undefined);
      if (answer?.status !== 200) return;
      acknowledged.push(index);
      if (acknowledged.length === ANSWERS) process.kill(target.pid, 'SIGKILL');
    }),
  );
  expect(await target.gone).toMatchObject({ signal: 'SIGKILL' });
  return acknowledged;
}

const active = async (target: ServerProcess, token: string) =>
  (await introspect(server, token, target))['active'];

it(
  'W1: every revocation that was acknowledged holds, although the process is killed in that moment and Redis loses everything',
  async () => {
    let node = await startServerProcess(environment);
    const starts: number[] = [];
    let acknowledged = 0;
    while (acknowledged < ENOUGH) {
      const victims = await connections(AT_ONCE);
      const tokens = victims.map(({ refreshToken, accessToken }, n) => (n % 2 ? refreshToken : accessToken));
      const answered = await revokeUntilKilled(node, tokens);
      await emptyRedis();

      const killed = performance.now();
      node = await startServerProcess(environment);
      starts.push(performance.now() - killed);
      for (const index of answered) {
        const { refreshToken, accessToken } = victims[index] as Tokens;
        expect(await active(node, accessToken)).toBe(false);
        // Of the two, an access token ends alone, and a refresh token takes everything along.
        expect((await refresh(node, ada.clientId, refreshToken)).status).toBe(index % 2 ? 400 : 200);
      }
      acknowledged += answered.length;
    }
    await node.stop();
    expect(acknowledged).toBeGreaterThanOrEqual(ENOUGH);
    if (LONG) {
      const longest = (Math.max(...starts) / 1000).toFixed(1);
      const median = ((starts.toSorted((a, b) => a - b)[starts.length >> 1] ?? 0) / 1000).toFixed(1);
      console.log(
        `${acknowledged} of ${acknowledged} revocations held through ${starts.length} kills; a start took ${median} s, ${longest} s at the most`,
      );
    }
  },
  LONG ? 1_800_000 : 180_000,
);
