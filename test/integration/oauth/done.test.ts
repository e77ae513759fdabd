import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Agent, createAgent, type Page } from '../../support/agent.ts';
import { observe } from '../../support/audit.ts';
import { askFor, expectRefusedOnPage } from '../../support/authorization.ts';
import { addPerson, CALLBACK, pkce, post, signedIn } from '../../support/flow.ts';
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
    expect(done.html).not.toMatch(/code=/);

    const { value: left, codes: made } = await observe(server, () => ada.get(done.location ?? ''));
    expect(left.status).toBe(303);
    expect(left.headers.get('location')).toMatch(/^cursor:\/\/anysphere\.cursor-mcp\/oauth\/callback\?/);
    expect(new URL(left.headers.get('location') ?? '').searchParams.get('code')).toMatch(/^[\w-]{43}$/);
    expect(made).toBe(1);
  });

  it('REP-F2: opens again by the button or a reload of the page, with the same code, until that code is redeemed', async () => {
    const { verifier, challenge } = pkce();
    const { value: started } = await askFor(server, ada, clientId, {
      redirect_uri: CURSOR,
      code_challenge: challenge,
    });
    const consent = await ada.get(started.location ?? '');
    const done = await ada.get(await decide(consent, 'allow'));
    const first = await ada.get(done.location ?? '');
    const location = first.headers.get('location') ?? '';

    const again = await observe(server, () => ada.get(done.location ?? ''));
    expect([again.value.status, again.value.headers.get('location')]).toEqual([303, location]);
    expect(again.value.headers.get('cache-control')).toBe('no-store');
    expect({ codes: again.codes, grants: again.grants, records: again.records }).toEqual({
      codes: 0,
      grants: 0,
      records: [],
    });
    const reloaded = await ada.get(done.url);
    expect([reloaded.status, reloaded.location]).toEqual([200, done.location]);
    expect(reloaded.html).not.toMatch(/code=/);
    expect(text(reloaded)).toContain('You have allowed access.');
    expect((await ada.get(done.location ?? '')).headers.get('location')).toBe(location);

    const redeemed = await post(server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: new URL(location).searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: CURSOR,
    });
    expect(redeemed.status).toBe(200);
    for (const ended of [done.location ?? '', done.url, consent.url]) {
      const refused = await observe(server, () => ada.get(ended));
      expectRefusedOnPage(refused, { reason: 'interaction_ended' });
      expect(text(refused.value)).toContain('If the program has connected, close this page.');
    }
    const refreshed = await post(server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: redeemed.body.refresh_token ?? '',
    });
    expect(refreshed.status).toBe(200);
  });

  it('REP-F2: repeats a denial too', async () => {
    const done = await ada.get(await decide(await consentFor(CURSOR), 'deny'));
    const first = (await ada.get(done.location ?? '')).headers.get('location');
    expect(first).toMatch(/^cursor:.*[?&]error=access_denied/);
    expect((await ada.get(done.location ?? '')).headers.get('location')).toBe(first);
    expect(text(await ada.get(done.url))).toContain('It gets no access.');
  });

  it('REP-F2: is repeated for no other browser, and not after 60 seconds', async () => {
    const done = await ada.get(await decide(await consentFor(CURSOR), 'allow'));
    const { status } = await ada.get(done.location ?? '');
    expect(status).toBe(303);
    const other = createAgent({ follow: false });
    await signedIn(server, other, await addPerson(server));
    for (const url of [done.location ?? '', done.url]) {
      expectRefusedOnPage(await observe(server, () => other.get(url)), { reason: 'interaction_ended' });
    }
    const { pool } = server.database;
    const { rows } = await pool.query(
      `SELECT EXTRACT(EPOCH FROM expires_at - now())::int AS left FROM interactions WHERE kind = 'redirect' AND consumed_at IS NULL ORDER BY expires_at DESC LIMIT 1`,
    );
    expect(rows[0].left).toBeGreaterThan(0);
    expect(rows[0].left).toBeLessThanOrEqual(60);
    await pool.query(`UPDATE interactions SET expires_at = now() WHERE kind = 'redirect'`);
    for (const url of [done.location ?? '', done.url]) {
      expectRefusedOnPage(await observe(server, () => ada.get(url)), { reason: 'interaction_ended' });
    }
  });

  it('REP-F2: is not repeated once the redirect was taken from the client, or the connection ended', async () => {
    const { prisma } = server.database;
    const done = await ada.get(await decide(await consentFor(CURSOR), 'allow'));
    await ada.get(done.location ?? '');
    await prisma.client.update({ where: { id: clientId }, data: { redirectUris: [CALLBACK] } });
    const refused = await ada.get(done.location ?? '');
    await prisma.client.update({ where: { id: clientId }, data: { redirectUris: [CURSOR, CALLBACK] } });
    expect(refused.status).toBe(400);

    expect((await ada.get(done.location ?? '')).status).toBe(303);
    await prisma.grant.updateMany({
      where: { clientId, activatedAt: null },
      data: { revokedAt: new Date() },
    });
    expect((await ada.get(done.location ?? '')).status).toBe(400);
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
