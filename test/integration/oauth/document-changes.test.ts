import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { setTrust } from '../../../src/domain/admission/index.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import {
  addPerson,
  allow,
  authorizeUrl,
  connect,
  obtainCode,
  pkce,
  post,
  signedIn,
} from '../../support/flow.ts';
import { cause, startTestServer, type TestServer } from '../../support/server.ts';
import { startTestWeb, type TestWeb } from '../../support/web.ts';

const CALLBACK = 'https://app.example/cb';

let web: TestWeb;
let server: TestServer;
/** Follows redirects of ours. */
let ada: Agent;
/** Another person. */
let eve: Agent;

beforeAll(async () => {
  web = await startTestWeb();
  server = await startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'open' }, { outbound: web.outbound });
  [ada, eve] = [createAgent(), createAgent()];
  for (const agent of [ada, eve]) await signedIn(server, agent, await addPerson(server));
});
afterAll(async () => {
  await server.stop();
  await web.stop();
});
beforeEach(() => {
  web.asked.length = 0;
});

let published = 0;
function publish(more: Readonly<Record<string, unknown>> = {}, url?: string): string {
  published += 1;
  const id = url ?? `https://app${published}.example/client.json`;
  const document = { client_id: id, client_name: 'Some App', redirect_uris: [CALLBACK], ...more };
  web.publish(id, () => Response.json(document));
  return id;
}

/** Says something else at the same address, and lets what is kept of it be over. */
async function change(clientId: string, more: Readonly<Record<string, unknown>>): Promise<void> {
  publish(more, clientId);
  await expire(clientId);
}
const expire = (clientId: string) =>
  server.database.pool.query('UPDATE web_copies SET fresh_until = now() WHERE url = $1', [clientId]);

const ask = (agent: Agent, clientId: string, params: Readonly<Record<string, string>> = {}): Promise<Page> =>
  agent.get(
    authorizeUrl(server, {
      client_id: clientId,
      redirect_uri: CALLBACK,
      code_challenge: pkce().challenge,
      ...params,
    }),
  );
const text = (page: Page) => page.html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');
const CHANGED = 'This program has changed';

/** A client that need not ask again what it was allowed. */
async function trusted(clientId: string): Promise<void> {
  await setTrust(server.database.prisma, { tenantId: DEFAULT_TENANT, clientId, trust: 'trusted' }, cause);
}

describe('a document that changes', () => {
  it.each([
    ['its name', { client_name: 'Claude' }, 'Its name no longer Some App now Claude'],
    [
      'a redirect',
      { redirect_uris: [CALLBACK, 'https://elsewhere.example/cb'] },
      'Where it may send you back to now https://elsewhere.example/cb',
    ],
    [
      'its keys',
      { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://app.example/keys' },
      'What proves that it is this program now https://app.example/keys',
    ],
  ])('MCP 55: in %s shows that on the page, to whoever allowed it before', async (_what, more, words) => {
    const clientId = publish();
    expect(text(await ask(ada, clientId))).not.toContain(CHANGED);
    await obtainCode(server, ada, clientId, { redirect_uri: CALLBACK });
    expect(text(await ask(ada, clientId))).not.toContain(CHANGED);

    await change(clientId, more);
    const page = await ask(ada, clientId);
    expect(text(page)).toContain(CHANGED);
    expect(text(page)).toContain(words);
    await allow(ada, page);
    expect(text(await ask(ada, clientId))).not.toContain(CHANGED);
  });

  it('M7: is asked about again, however far it is trusted and whatever is remembered of it', async () => {
    const clientId = publish();
    await trusted(clientId);
    await obtainCode(server, ada, clientId, { redirect_uri: CALLBACK });
    const silent = await ask(ada, clientId, { prompt: 'none' });
    expect(new URL(silent.location ?? '').searchParams.get('code')).toBeTruthy();

    await change(clientId, { redirect_uris: [CALLBACK, 'https://elsewhere.example/cb'] });
    const refused = await ask(ada, clientId, { prompt: 'none' });
    expect(new URL(refused.location ?? '').searchParams.get('error')).toBe('consent_required');
    const page = await ask(ada, clientId);
    expect(page.form?.step).toBe('consent');
    expect(text(page)).toContain('now https://elsewhere.example/cb');
    await allow(ada, page);
    const again = await ask(ada, clientId, { prompt: 'none' });
    expect(new URL(again.location ?? '').searchParams.get('code')).toBeTruthy();
  });

  it('M7: shows somebody who never allowed it what others allowed last', async () => {
    const clientId = publish();
    await trusted(clientId);
    await obtainCode(server, ada, clientId, { redirect_uri: CALLBACK });
    await change(clientId, { client_name: 'Other App' });
    expect(text(await ask(eve, clientId))).toContain('no longer Some App now Other App');
  });

  it('in nothing that a consent rests on changes nothing', async () => {
    const clientId = publish();
    await trusted(clientId);
    await obtainCode(server, ada, clientId, { redirect_uri: CALLBACK });
    await change(clientId, { client_uri: 'https://app.example/about', contacts: ['a@app.example'] });
    const silent = await ask(ada, clientId, { prompt: 'none' });
    expect(new URL(silent.location ?? '').searchParams.get('code')).toBeTruthy();
    expect(web.asked).toHaveLength(2);
  });

  it('while the page is open leads back to the page, and is not what was allowed', async () => {
    const clientId = publish();
    const page = await ask(ada, clientId);
    await change(clientId, { client_name: 'Claude' });
    const again = await ada.submit(page, { decision: 'allow', scope: ['files:read'] });
    expect(again.form?.step).toBe('consent');
    expect(text(again)).toContain('“ Claude ” asks for access');
    const { grants } = (
      await server.database.pool.query('SELECT count(*)::int AS grants FROM grants WHERE client_id = $1', [
        clientId,
      ])
    ).rows[0];
    expect(grants).toBe(0);
    expect((await allow(ada, again)).get('code')).toBeTruthy();
  });

  it.each([[[]], [['']], [['x'.repeat(43)]]])(
    'M7: is not allowed by a form that says %j of what was seen',
    async (client_version) => {
      const clientId = publish();
      const page = await ask(ada, clientId);
      const again = await ada.submit(page, { decision: 'allow', scope: ['files:read'], client_version });
      expect(again.form?.step).toBe('consent');
      expect((await allow(ada, again)).get('code')).toBeTruthy();
    },
  );

  it('B9: no longer lends a redirect that it gave up', async () => {
    const clientId = publish({ redirect_uris: [CALLBACK, 'https://app.example/old'] });
    await obtainCode(server, ada, clientId, { redirect_uri: 'https://app.example/old' });
    await change(clientId, { redirect_uris: [CALLBACK] });
    const page = await ask(ada, clientId, { redirect_uri: 'https://app.example/old' });
    expect(page.status).toBe(400);
    expect(page.location).toBeUndefined();
  });
});

describe('a connection of a client with a document', () => {
  async function withKey() {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    return { privateKey, jwk: await exportJWK(publicKey) };
  }
  async function assertion(clientId: string, key: CryptoKey, header: Readonly<Record<string, string>> = {}) {
    const jwt = new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256', ...header })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime('1m');
    return {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await jwt.sign(key),
    };
  }

  it('is held to the keys that it was made with, also after somebody else allowed the client with others', async () => {
    const [first, second] = [await withKey(), await withKey()];
    const keys = (jwk: object) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
    const clientId = publish({
      ...keys(first.jwk),
      grant_types: ['authorization_code', 'refresh_token'],
    });
    const redeemed = async (agent: Agent, key: CryptoKey) => {
      const { code, verifier } = await obtainCode(server, agent, clientId, { redirect_uri: CALLBACK });
      const { status, body } = await post(server, '/token', {
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        ...(await assertion(clientId, key)),
      });
      expect(status).toBe(200);
      return body.refresh_token ?? '';
    };
    const refresh = async (token: string, key: CryptoKey) =>
      post(server, '/token', {
        grant_type: 'refresh_token',
        refresh_token: token,
        ...(await assertion(clientId, key)),
      });

    const adas = await redeemed(ada, first.privateKey);
    // Whoever has taken the host over publishes a key, and allows the client with it as a person of their own.
    await change(clientId, { ...keys(second.jwk), grant_types: ['authorization_code', 'refresh_token'] });
    const eves = await redeemed(eve, second.privateKey);

    expect((await refresh(adas, second.privateKey)).status).toBe(401);
    expect((await refresh(eves, first.privateKey)).status).toBe(401);
    expect((await refresh(adas, first.privateKey)).status).toBe(200);
    expect((await refresh(eves, second.privateKey)).status).toBe(200);
  });

  it('goes on with a key that got another name, once somebody has allowed the client with it', async () => {
    const { privateKey, jwk } = await withKey();
    const keys = (key: object) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key] } });
    const clientId = publish(keys(jwk));
    await obtainCode(server, ada, clientId, { redirect_uri: CALLBACK });
    await change(clientId, keys({ ...jwk, kid: 'named-now' }));
    const { code, verifier } = await obtainCode(server, ada, clientId, { redirect_uri: CALLBACK });
    const { status } = await post(server, '/token', {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      ...(await assertion(clientId, privateKey, { kid: 'named-now' })),
    });
    expect(status).toBe(200);
  });

  it('MCP 56: lives on when its document is gone, and asks for it no more', async () => {
    const clientId = publish({ grant_types: ['authorization_code', 'refresh_token'] });
    const tokens = await connect(server, ada, clientId, { redirect_uri: CALLBACK });
    web.publish(clientId, () => new Response('', { status: 410 }));
    await server.database.pool.query('DELETE FROM web_copies WHERE url = $1', [clientId]);
    web.asked.length = 0;
    const { status } = await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.refresh_token ?? '',
    });
    expect(status).toBe(200);
    expect(web.asked).toEqual([]);
  });

  it('MCP 41: of a client that nobody ever allowed there is none, and its document is not looked at', async () => {
    const clientId = publish();
    const { status, body } = await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: 'x'.repeat(43),
    });
    expect({ status, error: body.error }).toEqual({ status: 401, error: 'invalid_client' });
    expect(web.asked).toEqual([]);
  });
});
