import { createPrivateKey } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import {
  addPerson,
  authorizeUrl,
  basic,
  CALLBACK,
  type Person,
  pkce,
  post,
  type TokenResponse,
} from '../../support/flow.ts';
import { freePort } from '../../support/free-port.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';
import { type ServerProcess, startServerProcess } from '../../support/server-process.ts';
import { tokensOf } from '../../support/token-requests.ts';
import { totpCode } from '../../support/totp.ts';

/** On the same store and under the same issuer; it only prepares people and clients. */
let server: TestServer;
/** The one that is attacked, in a process of its own, and tells everything it can. */
let target: ServerProcess;

/** Every secret that was seen on either side, by what it is. */
const secrets = new Map<string, string>();
/** What the server said to refused requests. */
const refusals: string[] = [];

beforeAll(async () => {
  const port = await freePort();
  server = await startTestServer({
    GATEHOUSE_ISSUER: `http://localhost:${port}`,
    GATEHOUSE_LISTEN: `127.0.0.1:${await freePort()}`,
  });
  target = await startServerProcess({ ...server.environment, GATEHOUSE_LOG_LEVEL: 'trace' }, port);
}, 60_000);

afterAll(async () => {
  await target.stop();
  await server.stop();
});

function see(kind: string, secret: string | null | undefined): string {
  if (!secret) throw new Error(`the harness saw no ${kind}`);
  secrets.set(`${kind} ${secrets.size}`, secret);
  return secret;
}

function seePage({ form, url }: Page): void {
  const uid = /\/interaction\/([\w-]{16,})/.exec(url)?.[1];
  if (uid) see('interaction', uid);
  for (const [name, value] of form?.fields ?? []) {
    if (value.length >= 20 && !/^https?:|^\/|@/.test(value)) see(`hidden field ${name}`, value);
  }
}

function seeAnswer({ status, body }: TokenResponse): TokenResponse {
  if (status !== 200) refusals.push(JSON.stringify(body));
  for (const name of ['access_token', 'refresh_token', 'id_token']) {
    const value = body[name];
    if (typeof value === 'string') see(name, value);
  }
  return { status, body, headers: new Headers() };
}

/** Through sign-in and consent to a code, looking at everything on the way. */
async function authorize(agent: Agent, person: Person, clientId: string) {
  const { verifier, challenge } = pkce();
  see('verifier', verifier);
  const state = see('state', pkce().verifier);
  let page = await agent.get(
    authorizeUrl(server, {
      client_id: clientId,
      code_challenge: challenge,
      scope: 'openid files:read files:write',
      state,
    }),
  );
  for (let step = 0; step < 8 && page.location === undefined; step += 1) {
    seePage(page);
    const answers: Record<string, Record<string, string | string[]>> = {
      identify: { email: person.email },
      password: { password: step > 4 ? '' : person.password },
      totp: { code: totpCode(person.totpSecret) },
      consent: { decision: 'allow', scope: ['files:read', 'files:write'] },
      continue: { decision: 'allow' },
    };
    const answer = answers[page.form?.step ?? ''];
    if (!answer) throw new Error(`no way on from ${page.url} (${page.status}): ${page.html.slice(0, 500)}`);
    page = await agent.submit(page, answer);
  }
  const callback = new URL(page.location ?? '').searchParams;
  for (const { name, value } of agent.cookies()) see(`cookie ${name}`, value);
  return { code: see('code', callback.get('code')), verifier };
}

async function everythingThatHappens(): Promise<void> {
  const person = await addPerson(server);
  see('password', person.password);
  see('TOTP seed', person.totpSecret);
  const agent = createAgent();
  const { clientId, clientSecret } = await addTestClient(server, { authMethod: 'client_secret_basic' });
  const secret = see('client secret', clientSecret);
  const wrongSecret = see('wrong client secret', pkce().verifier);
  const auth = basic(clientId, secret);
  see('Authorization header', auth['authorization']);
  const token = async (params: Record<string, string>, headers = auth) =>
    seeAnswer(await post(server, '/token', params, headers));

  const first = await authorize(agent, person, clientId);
  const redeem = (code: string, verifier: string, headers = auth) =>
    token(
      { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: CALLBACK },
      headers,
    );
  await redeem(first.code, first.verifier, basic(clientId, wrongSecret));
  const { accessToken, refreshToken } = tokensOf(await redeem(first.code, first.verifier));

  const refresh = (value: string, more: Record<string, string> = {}, headers = auth) =>
    token({ grant_type: 'refresh_token', refresh_token: value, ...more }, headers);
  await refresh(refreshToken, { scope: 'files:delete' });
  await refresh(refreshToken, { resource: 'https://other.example/mcp' });
  await refresh(refreshToken, { client_id: clientId, client_secret: wrongSecret }, {});
  const next = tokensOf(await refresh(refreshToken));
  await refresh(refreshToken);
  await refresh(see('unknown refresh token', pkce().verifier));
  for (const value of [accessToken, next.refreshToken, see('garbage', `${pkce().verifier}.a.b`)]) {
    seeAnswer(await post(server, '/introspect', { token: value }, auth));
  }
  seeAnswer(
    await post(server, '/introspect', { token: accessToken }, { authorization: `Bearer ${accessToken}` }),
  );
  seeAnswer(await post(server, '/revoke', { token: accessToken }, auth));
  // In the wrong places, where a careless log would write them down.
  await target.get(`/token?refresh_token=${refreshToken}&code=${first.code}`);
  await target.get(`/authorize?client_id=${clientId}&access_token=${accessToken}&client_secret=${secret}`);
  await target.get(`/${accessToken}/${secret}`);
  await post(server, `/token/${refreshToken}`, {}, auth);
  await post(server, '/token', { [accessToken]: refreshToken, client_id: clientId, client_secret: secret });
  await post(server, '/token', { grant_type: secret, client_id: accessToken });
  await post(server, '/token', { grant_type: 'refresh_token', client_id: secret, client_secret: clientId });
  await post(server, '/introspect', { token: accessToken }, basic(secret, clientId));
  await target.get(`/authorize?client_id=${secret}&response_type=code`);
  await post(server, '/revoke', { token: 'x', client_id: refreshToken });
  await post(
    server,
    '/token',
    { grant_type: 'refresh_token', scope: secret, resource: secret, refresh_token: next.refreshToken },
    auth,
  );

  // A failing store, so that errors of ours are logged too.
  await server.database.pool.query(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'failed on purpose'; END $$;
    CREATE TRIGGER fail BEFORE INSERT ON audit_records FOR EACH ROW EXECUTE FUNCTION fail()`);
  const failed = [
    await refresh(next.refreshToken),
    await refresh('unknown', {}, basic(clientId, wrongSecret)),
    await post(server, '/revoke', { token: next.refreshToken }, auth),
  ];
  await server.database.pool.query('DROP TRIGGER fail ON audit_records; DROP FUNCTION fail');
  expect(failed.map(({ status }) => status)).toEqual([500, 500, 500]);
  for (const { body } of failed) refusals.push(JSON.stringify(body));

  await refresh(next.refreshToken);
  await redeem(first.code, first.verifier);
  await refresh(next.refreshToken);

  const { privateKey } = await generateKeyPair('ES256');
  const assertion = await new SignJWT({ jti: 'x' })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(server.issuer)
    .setExpirationTime('1m')
    .sign(privateKey);
  await token(
    {
      grant_type: 'refresh_token',
      refresh_token: next.refreshToken,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: see('client assertion', assertion),
    },
    {},
  );
}

/** The text, the ways in which its bytes could stand somewhere, and the parts of a JWT that are nobody's business. */
function shapesOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const shapes = [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('base64')];
  const [, payload, signature] = /^ey[\w-]+\.(ey[\w-]{60})[\w-]*\.([\w-]+)$/.exec(secret) ?? [];
  if (payload !== undefined && signature !== undefined) shapes.push(payload, signature);
  if (/^[\w-]{22,}$/.test(secret)) shapes.push(Buffer.from(secret, 'base64url').toString('hex'));
  return shapes;
}

function found(text: string): readonly string[] {
  return [...secrets]
    .filter(([, secret]) => shapesOf(secret).some((shape) => text.includes(shape)))
    .map(([kind]) => kind);
}

async function dumpOf(table: string): Promise<string> {
  const { rows } = await server.database.pool.query<{ row: string }>(
    `SELECT t::text AS row FROM "${table}" t`,
  );
  return rows.map(({ row }) => row).join('\n');
}

describe('the secrets that a client and a person handled', () => {
  beforeAll(async () => {
    await everythingThatHappens();
    see('master key', server.environment['GATEHOUSE_MASTER_KEY']);
  }, 60_000);

  it('G13: were seen by the harness, of every kind', () => {
    const kinds = new Set([...secrets.keys()].map((key) => key.replace(/ \d+$/, '')));
    expect([...kinds]).toEqual(
      expect.arrayContaining([
        'access_token',
        'refresh_token',
        'id_token',
        'code',
        'verifier',
        'state',
        'interaction',
        'cookie gatehouse_session',
        'password',
        'TOTP seed',
        'client secret',
        'master key',
      ]),
    );
    expect([...kinds].some((kind) => kind.startsWith('hidden field'))).toBe(true);
  });

  it('G13: are in no line of the log of a real process, at the level that says most', () => {
    const log = target.output();
    expect(log).toContain('"request"');
    expect(log).toContain('failed on purpose');
    expect(found(log)).toEqual([]);
  });

  it('G13: are in no answer to a request that was refused', () => {
    expect(refusals.length).toBeGreaterThan(8);
    expect(found(refusals.join('\n'))).toEqual([]);
  });

  it('G13: are in no table in clear, neither as text nor as bytes, the audit trail first of all', async () => {
    const audit = await dumpOf('audit_records');
    expect(audit).toContain('refresh.rotated');
    expect(audit).toContain('client.authentication_failed');
    expect(found(audit)).toEqual([]);

    const { rows } = await server.database.pool.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'",
    );
    expect(rows.length).toBeGreaterThan(20);
    for (const { name } of rows)
      expect({ name, found: found(await dumpOf(name)) }).toEqual({ name, found: [] });
  });

  it('G13: the private parts of the signing keys are not in the clear either', async () => {
    const { privateKey } = await server.installation.keys.current();
    const { d = '' } = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })).export({
      format: 'jwk',
    });
    expect(d).toHaveLength(43);
    const dump = await dumpOf('signing_keys');
    for (const shape of shapesOf(d)) {
      expect(dump).not.toContain(shape);
      expect(target.output()).not.toContain(shape);
    }
  });
});
