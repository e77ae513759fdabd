import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Agent, createAgent } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedToClient, type RequestParams } from '../../support/authorization.ts';
import { addPerson, signedIn } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

const EVIL = 'https://evil.example/cb';

let server: TestServer;
let ada: Agent;

beforeAll(async () => {
  server = await startTestServer();
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});

afterAll(() => server.stop());

async function registered(redirectUri: string): Promise<string> {
  const response = await fetch(`${server.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Claude', redirect_uris: [redirectUri] }),
  });
  return ((await response.json()) as { client_id: string }).client_id;
}

const ERRORS: readonly (readonly [what: string, params: RequestParams, error: string])[] = [
  ['prompt=none', { prompt: 'none' }, 'consent_required'],
  ['a bad response_type', { response_type: 'token' }, 'unsupported_response_type'],
  ['no response_type', { response_type: undefined }, 'invalid_request'],
  ['a bad response_mode', { response_mode: 'fragment' }, 'unsupported_response_mode'],
  ['a short challenge', { code_challenge: 'short' }, 'invalid_request'],
  ['no challenge', { code_challenge: undefined }, 'invalid_request'],
  ['an unknown resource', { resource: 'https://unknown.example/mcp' }, 'invalid_target'],
  ['two scopes', { scope: ['files:read', 'files:write'] }, 'invalid_request'],
  ['a request object', { request: 'eyJ' }, 'request_not_supported'],
];

describe('an error for an untrusted client with a website', () => {
  it.each(ERRORS)(
    'SEC-L1: the authorization endpoint shows a page in place of a redirect when a request has %s',
    async (_what, params, error) => {
      const clientId = await registered(EVIL);
      const { value, records, grants } = await askFor(server, ada, clientId, {
        ...params,
        redirect_uri: EVIL,
      });
      expect([value.status, value.location, value.headers.get('location')]).toEqual([400, undefined, null]);
      expect(value.headers.get('cache-control')).toContain('no-store');
      expect(value.html).not.toContain('http-equiv="refresh"');
      expect(value.html).toContain('that is not verified');
      expect(value.html).toContain('Go on to https://evil.example');
      expect(value.html).toContain(`?error=${error}`);
      expect([records.length, grants]).toEqual([1, 0]);
    },
  );

  it('SEC-L1: a page shows when the person signs in to a request of which nothing can be allowed', async () => {
    const clientId = await registered(EVIL);
    const { value: started } = await askFor(server, ada, clientId, {
      redirect_uri: EVIL,
      scope: 'files:delete',
    });
    const step = await ada.get(started.location ?? '');
    const { value: page } = await observe(server, () => ada.get(step.location ?? ''));
    expect([page.status, page.location]).toEqual([400, undefined]);
    expect(page.html).toContain('access_denied');
  });

  it('SEC-L1: a denial redirects at once, because the person answered a page that names the website', async () => {
    const clientId = await registered(EVIL);
    const { value: started } = await askFor(server, ada, clientId, { redirect_uri: EVIL });
    const page = await ada.get(started.location ?? '');
    const answered = await ada.submit(page, { decision: 'deny' });
    expect((await ada.get(answered.location ?? '')).location).toMatch(/^https:\/\/evil\.example\/cb\?error=/);
  });

  it('SEC-L1: a redirect with a code of its own in its query is no success', async () => {
    const redirectUri = `${EVIL}?code=1`;
    const clientId = await registered(redirectUri);
    const asked = await askFor(server, ada, clientId, { redirect_uri: redirectUri, prompt: 'none' });
    expect(asked.value.location).toBeUndefined();
  });
});

describe('an error for any other client', () => {
  it.each([
    ['an untrusted client on loopback', 'http://127.0.0.1:53111/callback'],
    ['an untrusted client with a private-use scheme', 'com.example.app:/cb'],
  ])('A2, A6, SEC-L1: redirects at once for %s', async (_what, redirectUri) => {
    const clientId = await registered(redirectUri);
    const asked = await askFor(server, ada, clientId, { redirect_uri: redirectUri, prompt: 'none' });
    expect(asked.value.location).toContain('error=consent_required');
  });

  it.each(['known', 'trusted', 'first_party'] as const)(
    'A2, A6, SEC-L1: redirects at once for a %s client',
    async (trust) => {
      const { clientId } = await addTestClient(server, { redirectUris: [EVIL], trust });
      const asked = await askFor(server, ada, clientId, { redirect_uri: EVIL, response_type: 'token' });
      expectRefusedToClient(asked, server, {
        error: 'unsupported_response_type',
        reason: 'response_type',
        redirectUri: EVIL,
      });
    },
  );
});
