import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage } from '../../support/authorization.ts';
import { addPerson, CALLBACK, signedIn } from '../../support/flow.ts';
import { addTestClient, startTestServer, type TestServer } from '../../support/server.ts';

const CURSOR = 'cursor://anysphere.cursor-mcp/oauth/callback';

let server: TestServer;
let ada: Agent;
let clientId: string;

beforeAll(async () => {
  server = await startTestServer();
  ({ clientId } = await addTestClient(server, { name: 'Cursor', redirectUris: [CURSOR, CALLBACK] }));
});

beforeEach(async () => {
  ada = createAgent({ follow: false });
  await signedIn(server, ada, await addPerson(server));
});

afterAll(() => server.stop());

const text = (page: Page) =>
  page.html
    .replace(/<head>[\s\S]*<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

async function consentFor(redirectUri: string): Promise<Page> {
  const { value: started } = await askFor(server, ada, clientId, { redirect_uri: redirectUri });
  return ada.get(started.location ?? '');
}

/** Where the answer leads, before the browser goes there. */
const decide = async (page: Page, decision: 'allow' | 'deny') =>
  (await ada.submit(page, { scope: ['files:read'], decision })).location ?? '';

describe('an answer that opens a program by a private-use scheme', () => {
  it('MCP 29: is announced on a page of its own, since the browser stays on the one that it was on', async () => {
    const consent = await consentFor(CURSOR);
    const done = await ada.get(await decide(consent, 'allow'));
    expect(done.status).toBe(200);
    expect(done.url).toBe(`${consent.url}/done`);
    expect(done.headers.get('cache-control')).toBe('no-store');
    expect(text(done)).toContain('Go back to Cursor');
    expect(text(done)).toContain('You have allowed access.');
    expect(text(done)).toContain('It opens by a cursor://anysphere.cursor-mcp link');
  });

  it('M3: has its code made when the browser goes on from there, and only once', async () => {
    const consent = await consentFor(CURSOR);
    const {
      value: done,
      codes,
      grants,
    } = await observe(server, async () => ada.get(await decide(consent, 'allow')));
    expect({ codes, grants }).toEqual({ codes: 0, grants: 0 });
    expect(done.html).not.toMatch(/code=|anysphere/);

    const { value: left, codes: made } = await observe(server, () => ada.get(done.location ?? ''));
    expect(left.status).toBe(303);
    expect(left.headers.get('location')).toMatch(/^cursor:\/\/anysphere\.cursor-mcp\/oauth\/callback\?/);
    expect(new URL(left.headers.get('location') ?? '').searchParams.get('code')).toMatch(/^[\w-]{43}$/);
    expect(made).toBe(1);

    for (const again of [done.location ?? '', done.url, consent.url]) {
      const refused = await observe(server, () => ada.get(again));
      expectRefusedOnPage(refused, { reason: 'interaction_ended' });
      expect(text(refused.value)).toContain('If the program has connected, close this page.');
    }
  });

  it('says so too when it is a denial', async () => {
    const done = await ada.get(await decide(await consentFor(CURSOR), 'deny'));
    expect(text(done)).toContain('It gets no access.');
    const left = await ada.get(done.location ?? '');
    expect(left.headers.get('location')).toMatch(/^cursor:.*[?&]error=access_denied/);
  });

  it('waits for a click on a phone, which opens no program without one', async () => {
    const url = await decide(await consentFor(CURSOR), 'allow');
    const cookie = ada
      .cookies()
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const phone = await fetch(url, { headers: { cookie, 'sec-ch-ua-mobile': '?1' } });
    const html = await phone.text();
    expect(html).toContain('One step is left');
    expect(html).not.toContain('http-equiv="refresh"');
    const desktop = await fetch(url, { headers: { cookie, 'sec-ch-ua-mobile': '?0' } });
    expect(await desktop.text()).toContain('http-equiv="refresh"');
  });

  it('is nothing that another browser can go on with, and nothing before it was given', async () => {
    const consent = await consentFor(CURSOR);
    const early = await ada.get(`${consent.url}/done`);
    expect([early.status, early.location]).toEqual([303, consent.url]);
    const given = await decide(consent, 'allow');
    const other = createAgent({ follow: false });
    expectRefusedOnPage(await observe(server, () => other.get(given)), { reason: 'interaction_ended' });
  });

  it('goes straight on where the browser leaves this page by itself', async () => {
    const consent = await consentFor(CALLBACK);
    const uid = consent.url.split('/').at(-1);
    const next = await decide(consent, 'allow');
    expect(next).toBe(`${server.issuer}/authorize/${uid}`);
  });
});
