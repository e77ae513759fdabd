import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { removeClient } from '../../../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../../../src/domain/grants/index.ts';
import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage } from '../../support/authorization.ts';
import { addPerson, obtainCode, post, signedIn } from '../../support/flow.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});

afterAll(() => server.stop());

async function clientWith(...redirectUris: string[]): Promise<string> {
  return (await addTestClient(server, { redirectUris })).clientId;
}

const register = (body: unknown) =>
  fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** Whether a request with this redirect goes on to the person. */
async function goesOn(clientId: string, redirectUri: string): Promise<boolean> {
  const { value: page } = await askFor(server, ada, clientId, { redirect_uri: redirectUri });
  return page.location?.startsWith(`${server.issuer}/interaction/`) ?? false;
}

describe('a redirect that is nearly the registered one', () => {
  const REGISTERED = 'https://ok.example/cb';
  it.each([
    'https://ok.example.evil.com/cb',
    'https://evil.com/https://ok.example/cb',
    'https://ok.example@evil.com/cb',
    'https://user:pw@ok.example/cb',
    'https://sub.ok.example/cb',
    'https://ok.example/cb/',
    'https://ok.example/cb/x',
    'https://ok.example/cbx',
    'https://ok.example/c',
    'https://ok.example/',
    'https://ok.example',
    'https://ok.example/cb?',
    'https://ok.example/cb?x=1',
    'https://ok.example/cb#',
    'https://ok.example/cb#x',
    'https://ok.example:443/cb',
    'https://ok.example:8443/cb',
    'https://OK.example/cb',
    'HTTPS://ok.example/cb',
    'https://ok.example./cb',
    'https://ok.example/CB',
    'https://ok.example/%63b',
    'https://ok.example/x/../cb',
    'https://ok.example/./cb',
    'https://ok.example//cb',
    'https://ok.example\\cb',
    'https:/ok.example/cb',
    'https:ok.example/cb',
    'https://ok.example/cb ',
    ' https://ok.example/cb',
    'https://ok.example/cb\n',
    'https://ok.example/cb\u0000',
    'http://ok.example/cb',
    '//ok.example/cb',
    '/cb',
    'https://ok.example/cb,https://evil.com',
    'https://ok.example/cb https://evil.com',
    'javascript:https://ok.example/cb',
  ])('B1, MCP 20: %j is refused on a page', async (redirectUri) => {
    const clientId = await clientWith(REGISTERED);
    expectRefusedOnPage(await askFor(server, ada, clientId, { redirect_uri: redirectUri }), {
      reason: 'redirect_uri',
      code: 'invalid_redirect_uri',
    });
  });

  it('B1, MCP 18: the registered one itself goes on, with a query exactly as registered', async () => {
    expect(await goesOn(await clientWith(REGISTERED), REGISTERED)).toBe(true);
    const withQuery = await clientWith('https://ok.example/cb?a=1&b=2');
    expect(await goesOn(withQuery, 'https://ok.example/cb?a=1&b=2')).toBe(true);
    expect(await goesOn(withQuery, 'https://ok.example/cb?b=2&a=1')).toBe(false);
    expect(await goesOn(withQuery, 'https://ok.example/cb?a=1')).toBe(false);
    expect(await goesOn(withQuery, 'https://ok.example/cb')).toBe(false);
  });

  it('B3: a dot in a registered host stands for a dot', async () => {
    const clientId = await clientWith('https://foo.example.com');
    for (const uri of ['https://fooaexample.com', 'https://foo.exampleacom', 'https://foo-example.com']) {
      expect(await goesOn(clientId, uri)).toBe(false);
    }
    expect(await goesOn(clientId, 'https://foo.example.com')).toBe(true);
    expect(await goesOn(await clientWith('https://a.example/(.+)$'), 'https://a.example/evil')).toBe(false);
  });

  it('B7: a fragment is refused when registered and when requested', async () => {
    const answer = await register({ redirect_uris: ['https://ok.example/cb#frag'] });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_redirect_uri' });
    expect(await goesOn(await clientWith(REGISTERED), `${REGISTERED}#frag`)).toBe(false);
  });

  it('an omitted redirect is the registered one if there is one alone, and else refused', async () => {
    const one = await askFor(server, ada, await clientWith(REGISTERED), {
      redirect_uri: undefined,
      prompt: 'none',
    });
    expect(one.value.location).toMatch(/^https:\/\/ok\.example\/cb\?error=consent_required/);
    const two = await clientWith(REGISTERED, 'https://ok.example/other');
    expectRefusedOnPage(await askFor(server, ada, two, { redirect_uri: undefined }), {
      reason: 'missing_param',
    });
  });
});

describe('loopback redirects', () => {
  it.each(['127.0.0.1', 'localhost', '[::1]'])('B6, MCP 18: at %s only the port varies', async (host) => {
    const clientId = await clientWith(`http://${host}/callback?x=1`);
    for (const port of ['', ':1', ':58135', ':65535']) {
      expect(await goesOn(clientId, `http://${host}${port}/callback?x=1`), port).toBe(true);
    }
    for (const uri of [
      `http://${host}:58135/other?x=1`,
      `http://${host}:58135/callback`,
      `http://${host}:58135/callback?x=2`,
      `http://${host}:58135/callback/?x=1`,
      `http://${host}:58135/callback?x=1#f`,
      `https://${host}:58135/callback?x=1`,
      `http://${host}:65536/callback?x=1`,
      `http://${host}:0/callback?x=1`,
      `http://${host}:/callback?x=1`,
      `http://${host}:080/callback?x=1`,
      `http://${host}:58135@evil.example/callback?x=1`,
      `http://evil@${host}:58135/callback?x=1`,
      `http://${host}.evil.example:58135/callback?x=1`,
    ]) {
      expect(await goesOn(clientId, uri), uri).toBe(false);
    }
  });

  it('B6: one loopback host is not another, nor any other spelling of it', async () => {
    const clientId = await clientWith('http://127.0.0.1/callback');
    for (const host of [
      'localhost',
      '[::1]',
      '127.1',
      '127.0.0.2',
      '2130706433',
      '0x7f.1',
      '0.0.0.0',
      '[::ffff:127.0.0.1]',
    ]) {
      expect(await goesOn(clientId, `http://${host}:58135/callback`), host).toBe(false);
    }
    const named = await clientWith('http://localhost/callback');
    for (const host of [
      'LOCALHOST',
      'localhost.',
      'foo.localhost',
      'localhost%2eevil.example',
      '127.0.0.1',
    ]) {
      expect(await goesOn(named, `http://${host}:58135/callback`), host).toBe(false);
    }
  });

  it('MCP 18: the port varies also where another was registered, whatever the application type', async () => {
    const body = {
      redirect_uris: ['http://localhost:3334/oauth/callback', 'https://app.example/cb'],
      token_endpoint_auth_method: 'none',
      application_type: 'web',
    };
    const { client_id: clientId } = (await (await register(body)).json()) as { client_id: string };
    expect(await goesOn(clientId, 'http://localhost:49152/oauth/callback')).toBe(true);
    expect(await goesOn(clientId, 'https://app.example:8443/cb')).toBe(false);
  });

  it('B6: a code comes back at the very port that was asked for, and is redeemed with it', async () => {
    const clientId = await clientWith('http://localhost/callback');
    const agent = createAgent();
    await signedIn(server, agent, await addPerson(server));
    const redirectUri = 'http://localhost:58135/callback';
    const { code, verifier } = await obtainCode(server, agent, clientId, { redirect_uri: redirectUri });
    const redeem = (uri: string) =>
      post(server, '/token', {
        grant_type: 'authorization_code',
        client_id: clientId,
        code,
        code_verifier: verifier,
        redirect_uri: uri,
      });
    expect((await redeem(redirectUri)).status).toBe(200);
  });
});

describe('a redirect to this machine', () => {
  it('B10: is never followed unseen, by https either, whatever the trust', async () => {
    for (const [redirectUri, unseen] of [
      ['https://app.example/cb', true],
      ['https://localhost:3000/cb', false],
      ['https://app.localhost/cb', false],
      ['https://127.0.0.1/cb', false],
      ['http://localhost:3000/cb', false],
      ['com.example.app:/cb', false],
    ] as const) {
      const { clientId } = await addTestClient(server, { redirectUris: [redirectUri], trust: 'first_party' });
      const { value: page } = await askFor(server, ada, clientId, { redirect_uri: redirectUri });
      expect({ redirectUri, unseen: page.location?.includes('code=') }).toEqual({ redirectUri, unseen });
    }
  });
});

describe('redirects that cannot be registered', () => {
  const schemes = [
    'javascript:alert(1)',
    ' JaVaScript:alert(1)',
    'java\tscript:alert(1)',
    'java\nscript:alert(1)',
    '\u0001javascript:alert(1)',
    'javascript://ok.example/%0aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:msgbox',
    'blob:https://ok.example/uuid',
    'file:///etc/passwd',
    'filesystem:https://ok.example/x',
    'about:blank',
    'view-source:https://ok.example',
    'intent://x#Intent;scheme=evil;end',
    'ws://ok.example/cb',
    'wss://ok.example/cb',
    'ftp://ok.example/cb',
    'mailto:a@ok.example',
    'chrome-extension://abc/cb',
    'ms-msdt:/id',
    'myapp:/cb',
    'urn:ietf:wg:oauth:2.0:oob',
  ];
  it.each(schemes)('B2, MCP 19: %j, by dynamic registration', async (uri) => {
    for (const uris of [[uri], ['https://ok.example/cb', uri]]) {
      const {
        value: answer,
        records,
        clients,
      } = await observe(server, () => register({ redirect_uris: uris }));
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: 'invalid_redirect_uri' });
      expect(records).toEqual([
        expect.objectContaining({
          event: 'client.rejected',
          outcome: 'refused',
          reason: 'redirect_scheme',
        }),
      ]);
      expect(clients).toBe(0);
    }
  });

  it.each(schemes)('B2: %j, by an administrator', async (uri) => {
    await expect(addTestClient(server, { redirectUris: [uri] })).rejects.toThrow(/redirect|scheme/i);
  });

  it.each([
    'https://*.example.com/*',
    'https://*/cb',
    'https://ok.example/*',
    'http://localhost:*/callback',
    'com.example.app:/*',
  ])('B4: the wildcard %j', async (uri) => {
    const { value: answer, records } = await observe(server, () => register({ redirect_uris: [uri] }));
    expect(answer.status).toBe(400);
    expect(records).toEqual([
      expect.objectContaining({ event: 'client.rejected', reason: 'redirect_wildcard' }),
    ]);
  });

  it.each([
    'http://evil.com/cb',
    'http://10.0.0.1/cb',
    'http://127.0.0.1.evil.com/cb',
    'http://127.0.0.2/cb',
  ])('B5, MCP 19: plain http at %j', async (uri) => {
    const { value: answer, records } = await observe(server, () => register({ redirect_uris: [uri] }));
    expect(answer.status).toBe(400);
    expect(records).toEqual([expect.objectContaining({ event: 'client.rejected', reason: 'redirect_http' })]);
    expect(await goesOn(await clientWith('https://evil.com/cb'), uri)).toBe(false);
  });

  it('MCP 19: the private-use schemes of known clients, and those with a dot, are taken and are exact', async () => {
    for (const uri of ['cursor://anysphere.cursor-mcp/oauth/callback', 'com.example.app:/oauth/cb']) {
      const clientId = await clientWith(uri);
      expect(await goesOn(clientId, uri)).toBe(true);
      expect(await goesOn(clientId, `${uri}/x`)).toBe(false);
      expect(await goesOn(clientId, uri.toUpperCase())).toBe(false);
    }
  });
});

describe('a redirect that is taken away while somebody decides', () => {
  async function atConsent(redirectUri: string) {
    const clientId = await clientWith('https://stays.example/cb', redirectUri);
    const { value: page } = await askFor(server, ada, clientId, { redirect_uri: redirectUri });
    return { clientId, consent: await ada.get(page.location ?? '') };
  }

  const takeAway = (clientId: string) =>
    server.database.prisma.client.update({
      where: { id: clientId },
      data: { redirectUris: ['https://stays.example/cb'] },
    });

  it('B9: before the answer: the consent page and its form lead nowhere', async () => {
    const { clientId, consent } = await atConsent('https://goes.example/cb');
    await takeAway(clientId);
    for (const ask of [
      () => ada.get(consent.url),
      () => ada.submit(consent, { decision: 'allow' }),
      () => ada.submit(consent, { decision: 'deny' }),
    ]) {
      expectRefusedOnPage(await observe(server, ask), { reason: 'redirect_uri' });
    }
  });

  it.each(['allow', 'deny'])(
    'B9: between the answer (%s) and the way back: a page, and no redirect to it',
    async (decision) => {
      const { clientId, consent } = await atConsent('https://goes.example/cb');
      const answered = await ada.submit(consent, { decision });
      expect(answered.status).toBe(303);
      await takeAway(clientId);
      expectRefusedOnPage(await observe(server, () => ada.get(answered.location ?? '')), {
        reason: 'redirect_uri',
      });
    },
  );

  it.each(['before the answer', 'after it'])('B9: the same for a client that is removed %s', async (when) => {
    const { clientId, consent } = await atConsent('https://goes.example/cb');
    const answered = when === 'after it' ? await ada.submit(consent, { decision: 'allow' }) : undefined;
    await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause);
    const refused = await observe(server, () =>
      answered ? ada.get(answered.location ?? '') : ada.submit(consent, { decision: 'allow' }),
    );
    expectRefusedOnPage(refused, { reason: 'client_removed' });
  });
});

describe('clients that are not served', () => {
  it('a blocked client is refused in words, on a page', async () => {
    const { clientId } = await addTestClient(server, { trust: 'blocked' });
    const refused = await askFor(server, ada, clientId);
    expectRefusedOnPage(refused, { reason: 'client_blocked', code: 'invalid_client' });
    expect(refused.value.html).toContain('This program is blocked here');
  });

  it('MCP 63: a client ID that is known no more gets a page that says how to mend it', async () => {
    const { clientId } = await addTestClient(server);
    await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, clientId, cause);
    const refused = await askFor(server, ada, clientId);
    expectRefusedOnPage(refused, { reason: 'client_removed', code: 'invalid_client' });
    expect(refused.value.html).toContain('Make the program forget the ID that it has saved');
  });
});
