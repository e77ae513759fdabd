import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { rejectRequest, setRule } from '../../src/domain/admission/index.ts';
import { removeClient } from '../../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../../src/domain/grants/index.ts';
import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import {
  type Browser,
  type BrowserContext,
  complaintsOf,
  launchBrowser,
  type Page,
  signInBrowser,
} from '../support/browser.ts';
import { type Callback, listenForCallback } from '../support/callback.ts';
import { addPerson, authorizeUrl, type Person, pkce } from '../support/flow.ts';
import { isFine } from '../support/page-check.ts';
import { describeWith } from '../support/requirements.ts';
import { addTestClient, cause, startTestServer, type TestServer } from '../support/server.ts';
import { startTestWeb, type TestWeb } from '../support/web.ts';

const ALL = 'files:read files:write files:delete';
const CURSOR = 'cursor://anysphere.cursor-mcp/oauth/callback';

describeWith('browser', 'a program that is lost, refused, changed or elsewhere, as a person meets it', () => {
  let server: TestServer;
  let web: TestWeb;
  let browser: Browser;
  let callback: Callback;
  let context: BrowserContext;
  let page: Page;
  let person: Person;

  beforeAll(async () => {
    web = await startTestWeb();
    [server, browser, callback] = await Promise.all([
      startTestServer({ GATEHOUSE_METADATA_DOCUMENTS: 'review' }, { outbound: web.outbound }),
      launchBrowser(),
      listenForCallback(),
    ]);
  });

  beforeEach(async () => {
    person = await addPerson(server);
    context = await browser.newContext({ reducedMotion: 'reduce' });
    page = await context.newPage();
    await signInBrowser(server, context, person);
  });

  afterEach(() => context.close());

  afterAll(async () => {
    await callback.close();
    await browser.close();
    await server.stop();
    await web.stop();
  });

  const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
  const authorize = (clientId: string, more: Readonly<Record<string, string>> = {}) =>
    page.goto(
      authorizeUrl(server, {
        client_id: clientId,
        redirect_uri: callback.redirectUri,
        code_challenge: pkce().challenge,
        scope: ALL,
        ...more,
      }),
    );
  const letIn = (pattern: string) =>
    setRule(server.database.prisma, { tenantId: DEFAULT_TENANT, pattern, trust: 'untrusted' }, cause);
  const publish = async (url: string, more: Readonly<Record<string, unknown>> = {}) => {
    await server.database.pool.query('DELETE FROM web_copies WHERE url = $1', [url]);
    web.publish(url, () =>
      Response.json({
        client_id: url,
        client_name: 'A helper with a rather long name that goes on and on',
        redirect_uris: [callback.redirectUri],
        ...more,
      }),
    );
  };
  /** A browser of the same person that runs no scripts. */
  const withoutScripts = async () => {
    await context.close();
    context = await browser.newContext({ javaScriptEnabled: false });
    await signInBrowser(server, context, person);
    page = await context.newPage();
  };

  it('one that was removed, or that nobody knows: how it forgets the ID, for one program and for all', async () => {
    const { prisma } = server.database;
    const { clientId } = await addTestClient(server, { name: 'Claude Code' });
    await removeClient({ prisma, revokeGrantsOf }, clientId, cause);
    await authorize(clientId);
    await isFine(page, 'This program is not known here');
    expect(await page.locator('.remedies dt').allInnerTexts()).toEqual(['Claude Code']);

    await authorize('cli_of-another-installation');
    await isFine(page, 'This program is not known here');
    expect(await page.locator('.remedies dt').count()).toBeGreaterThan(5);
  });

  it('one that waits for review: asked for, refused, let in', { timeout: 120_000 }, async () => {
    const { prisma } = server.database;
    const client = `https://helper.example/${'a-long-way/'.repeat(12)}client.json`;
    await publish(client);
    await authorize(client);
    await isFine(page, 'This program is not let in yet');
    await page.getByRole('link', { name: 'Ask for this program' }).click();
    await isFine(page, 'Ask for this program?');
    await page.getByLabel('What do you need it for?').fill('For the notes of our meetings');
    await press('Ask for it');
    await isFine(page, 'You have asked for this program');

    await rejectRequest(prisma, { name: client, tenantId: DEFAULT_TENANT }, cause);
    await page.reload();
    await isFine(page, 'This program stays out');
    await letIn(client);
    await page.reload();
    await isFine(page, 'This program is let in');
    await authorize(client);
    await page.getByText('This program is not verified.').waitFor();
    await page.getByText('Any program on a computer can use that address').waitFor();
    await isFine(page, /“A helper with a rather long name .*…” asks for access/);
  });

  it('one that waits is asked for by keyboard alone, and without scripts', async () => {
    await withoutScripts();
    await authorize('https://quiet.example/client.json');
    await tabTo(page, 'Ask for this program');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Ask for this program?' }).waitFor();
    await tabTo(page, 'What do you need it for?');
    await page.keyboard.type('To listen');
    await tabTo(page, 'Ask for it');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You have asked for this program' }).waitFor();
  });

  it('one that is blocked, has no document that can be read, or spells its address otherwise', async () => {
    const blocked = 'https://blocked.example/client.json';
    await setRule(
      server.database.prisma,
      { tenantId: DEFAULT_TENANT, pattern: blocked, trust: 'blocked' },
      cause,
    );
    await authorize(blocked);
    await isFine(page, 'This program is blocked here');
    expect(await page.getByText(blocked).isVisible()).toBe(true);

    const away = 'https://away.example/client.json';
    await letIn(away);
    await authorize(away);
    await isFine(page, 'This program could not be identified');
    expect(await page.getByText(away).isVisible()).toBe(true);

    await authorize('https://AWAY.example/client.json');
    await isFine(page, 'This program could not be identified');

    await page.goto(`${server.issuer}/client-request?client=${encodeURIComponent(blocked)}`);
    await isFine(page, 'This program is blocked here');
    await page.goto(`${server.issuer}/client-request?client=nothing`);
    await isFine(page, 'This program could not be identified');
  });

  it('one whose document is not what it was when it was allowed', async () => {
    const client = 'https://changing.example/client.json';
    await letIn(client);
    await publish(client, { client_name: 'Notes' });
    await authorize(client);
    await page.getByRole('checkbox').first().check();
    await press('Allow access');
    await callback.arrival();

    await publish(client, {
      client_name: 'Notes and More',
      redirect_uris: [callback.redirectUri, 'https://changing.example/a/rather/long/way/back/to/the/program'],
    });
    await authorize(client);
    await page.getByText('This program has changed.').waitFor();
    expect(await page.locator('del').allInnerTexts()).toEqual(['Notes']);
    expect(await page.locator('ins').allInnerTexts()).toEqual([
      'Notes and More',
      'https://changing.example/a/rather/long/way/back/to/the/program',
    ]);
    await isFine(page, '“Notes and More” asks for access');
  });

  it('one that would have the browser sent somewhere else', async () => {
    const { clientId } = await addTestClient(server);
    await authorize(clientId, { redirect_uri: 'https://evil.example/' });
    await isFine(page, 'We will not send you on from here');
    await authorize(clientId, { redirect_uri: 'javascript:alert(1)' });
    await isFine(page, 'We will not send you on from here');
  });

  it.each([
    ['with scripts', true],
    ['without scripts', false],
  ])(
    'REP-F2: one that is opened by a private-use scheme, %s: the browser ends on a page that opens it again until the code is redeemed',
    { timeout: 120_000 },
    async (_, scripts) => {
      if (!scripts) await withoutScripts();
      const complaints = complaintsOf(page);
      const { clientId } = await addTestClient(server, { name: 'Cursor', redirectUris: [CURSOR] });
      const left = leavesFor(page, 'cursor:');
      await authorize(clientId, { redirect_uri: CURSOR });
      await press('Allow access');
      await page.getByRole('heading', { name: 'Go back to Cursor' }).waitFor();
      const first = await left;
      expect(new URL(first).searchParams.get('code')).toMatch(/^[\w-]{43}$/);

      expect(page.url()).toMatch(/\/interaction\/[\w-]+\/done$/);
      expect(await page.content()).not.toMatch(/code=|oauth\/callback/);
      if (scripts) await isFine(page, 'Go back to Cursor');
      expect(complaints.filter((complaint) => /Content.Security.Policy/i.test(complaint))).toEqual([]);

      // The browser's own question lies over this page now, so what is left of it is looked at in another.
      const ways = [await page.getByRole('link', { name: 'Open Cursor' }).getAttribute('href'), page.url()];
      const reloaded = await context.newPage();
      const again = leavesFor(reloaded, 'cursor:');
      await reloaded.goto(page.url());
      await reloaded.getByRole('heading', { name: 'Go back to Cursor' }).waitFor();
      expect(await again).toBe(first);
      const pressed = await context.newPage();
      // Without its own refresh, as on a phone, so that the click is what leads on.
      await pressed.setExtraHTTPHeaders({ 'sec-ch-ua-mobile': '?1' });
      await pressed.goto(page.url());
      const clicked = leavesFor(pressed, 'cursor:');
      await pressed.getByRole('link', { name: 'Open Cursor' }).click({ noWaitAfter: true });
      expect(await clicked).toBe(first);

      await server.database.prisma.authorizationCode.updateMany({
        where: { clientId },
        data: { usedAt: new Date() },
      });
      const other = await context.newPage();
      for (const way of ways) {
        await other.goto(way ?? '');
        await other.getByRole('heading', { name: 'This authorization has ended' }).waitFor();
        if (scripts) await isFine(other, 'This authorization has ended');
      }
    },
  );

  it('one that is opened by a private-use scheme, and denied', async () => {
    const { clientId } = await addTestClient(server, { name: 'Cursor', redirectUris: [CURSOR] });
    const left = leavesFor(page, 'cursor:');
    await authorize(clientId, { redirect_uri: CURSOR });
    await press('Deny');
    await page.getByText('It gets no access.').waitFor();
    expect(new URL(await left).searchParams.get('error')).toBe('access_denied');
    await isFine(page, 'Go back to Cursor');
  });
});

/** The first address of this scheme to which the server sends the page; no program of that kind is there to open it. */
async function leavesFor(page: Page, scheme: string): Promise<string> {
  const response = await page.waitForEvent('response', {
    predicate: (answer) => answer.headers()['location']?.startsWith(scheme) ?? false,
  });
  return response.headers()['location'] ?? '';
}

/** Presses Tab until the element of this name has the focus, and expects it to be seen there. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let press = 0; press < 30; press += 1) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    const label = (await focused.getAttribute('id')) === 'reason' ? 'What do you need it for?' : undefined;
    if ((label ?? (await focused.innerText())) !== name) continue;
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    return;
  }
  throw new Error(`Tab does not lead to ${name}`);
}
