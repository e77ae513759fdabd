import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { rejectRequest, setRule } from '../../src/domain/admission/index.ts';
import {
  type Browser,
  type BrowserContext,
  launchBrowser,
  type Page,
  signInBrowser,
} from '../support/browser.ts';
import { type Callback, listenForCallback } from '../support/callback.ts';
import { addPerson, authorizeUrl, type Person, pkce, post } from '../support/flow.ts';
import { describeWith } from '../support/requirements.ts';
import { addTestClient, cause, FILES, startTestServer } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { totpCode } from '../support/totp.ts';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];
const ALL = 'files:read files:write files:delete';

describeWith('browser', 'every page as a person meets it, in light, in the dark and on a small phone', () => {
  let stack: Stack;
  let browser: Browser;
  let callback: Callback;
  let context: BrowserContext;
  let page: Page;
  let person: Person;

  beforeAll(async () => {
    [stack, browser, callback] = await Promise.all([startStack(), launchBrowser(), listenForCallback()]);
  });

  beforeEach(async () => {
    person = await addPerson(stack.server);
    context = await browser.newContext({ reducedMotion: 'reduce' });
    page = await context.newPage();
  });

  afterEach(() => context.close());

  afterAll(async () => {
    await callback.close();
    await browser.close();
    await stack.stop();
  });

  const goto = (path: string) => page.goto(`${stack.server.issuer}${path}`);
  const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
  const authorize = (clientId: string, more: Readonly<Record<string, string>> = {}) =>
    page.goto(
      authorizeUrl(stack.server, {
        client_id: clientId,
        redirect_uri: callback.redirectUri,
        resource: FILES,
        code_challenge: pkce().challenge,
        scope: ALL,
        ...more,
      }),
    );
  const fillFactor = async () => {
    const seed = (await page.locator('code.secret').innerText()).replaceAll(' ', '');
    await page.getByLabel('New password').fill('a sentence that is easy to keep');
    await page.getByLabel('The six digits').fill(totpCode(seed));
  };

  it('each step of sign-in, for a program that waits', async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    await authorize(clientId);
    await isFine(page, 'Sign in');
    await page.getByLabel('E-mail address').fill(person.email);
    await press('Next');
    await isFine(page, 'Your password');
    await page.getByLabel('Password').fill('not the password at all');
    await press('Next');
    await isFine(page, 'Your code');
    await page.getByLabel('Code').fill('000000');
    await press('Sign in');
    await page.getByRole('alert').waitFor();
    await isFine(page, 'Your password');
  });

  it('each step of set-up', async () => {
    const { url } = await stack.server.installation.setup.createLink(cause);
    await page.goto(url);
    await isFine(page, 'Make the first administrator');
    await page.getByLabel('Your name').fill('Grace Hopper');
    await page.getByLabel('E-mail address').fill('grace@example.com');
    await press('Next');
    await isFine(page, 'Choose how you sign in');
    await fillFactor();
    await press('Use password and code');
    await isFine(page, 'Ready, Grace Hopper');
  });

  it('consent to a program that is known, with something destructive, and then to more of it', async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    await signInBrowser(stack.server, context, person);
    await authorize(clientId);
    expect(await page.getByText('destructive').count()).toBe(1);
    await isFine(page, 'Field Notes asks for access');
    await press('Allow access');
    await callback.arrival();

    await authorize(clientId);
    await page.getByText('You have allowed before').waitFor();
    await isFine(page, 'Field Notes asks for access');
  });

  it('consent to a program that nobody has vetted', async () => {
    const registered = await fetch(`${stack.server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'Notes Helper', redirect_uris: [callback.redirectUri] }),
    });
    const { client_id } = (await registered.json()) as { client_id: string };
    await signInBrowser(stack.server, context, person);
    await authorize(client_id);
    await page.getByText('Nobody has vetted this program.').waitFor();
    await isFine(page, 'Notes Helper asks for access');
  });

  it('asking for a program that waits, and consent to it when it is let in', {
    timeout: 120_000,
  }, async () => {
    const server = await startTestServer(
      { GATEHOUSE_METADATA_DOCUMENTS: 'review' },
      {
        fetch: async (url) =>
          Response.json({
            client_id: String(url),
            client_name: 'A helper with a rather long name that goes on and on',
            redirect_uris: [callback.redirectUri],
          }),
      },
    );
    try {
      const { prisma } = server.database;
      const somebody = await addPerson(server);
      await signInBrowser(server, context, somebody);
      const open = (client: string) =>
        page.goto(
          authorizeUrl(server, {
            client_id: client,
            redirect_uri: callback.redirectUri,
            code_challenge: pkce().challenge,
            scope: ALL,
          }),
        );
      const client = `https://helper.example/${'a-long-way/'.repeat(12)}client.json`;
      await open(client);
      await isFine(page, 'This program is not let in yet');
      await page.getByRole('link', { name: 'Ask for this program' }).click();
      await isFine(page, 'Ask for this program?');
      await page.getByLabel('What do you need it for?').fill('For the notes of our meetings');
      await press('Ask for it');
      await isFine(page, 'You have asked for this program');

      await rejectRequest(prisma, client, cause);
      await page.reload();
      await isFine(page, 'This program stays out');
      await setRule(prisma, { pattern: client, trust: 'untrusted' }, cause);
      await page.reload();
      await isFine(page, 'This program is let in');
      await open(client);
      await page.getByText('Nobody has vetted this program.').waitFor();
      await page.getByText('Any program on a computer can use that address').waitFor();
      await isFine(page, /A helper with a rather long name .* asks for access/);
    } finally {
      await server.stop();
    }
  });

  it('going on with a program that is trusted', async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Team Desk', trust: 'trusted' });
    await signInBrowser(stack.server, context, person);
    await authorize(clientId, { scope: 'files:read' });
    await press('Allow access');
    await callback.arrival();

    await authorize(clientId, { scope: 'files:read' });
    await isFine(page, 'Connect Team Desk again?');
  });

  it('the account, empty and with connections, and each page of it', { timeout: 60_000 }, async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    await signInBrowser(stack.server, context, person);
    await goto('/account');
    await page.getByText('No program acts for you').waitFor();
    await isFine(page, 'Connections');

    for (const scope of ['files:read', ALL]) {
      const { verifier, challenge } = pkce();
      await authorize(clientId, { scope, code_challenge: challenge });
      for (const box of await page.getByRole('checkbox').all()) await box.check();
      await press('Allow access');
      const { searchParams } = await callback.arrival();
      await post(stack.server, '/token', {
        grant_type: 'authorization_code',
        client_id: clientId,
        code: searchParams.get('code') ?? '',
        code_verifier: verifier,
        redirect_uri: callback.redirectUri,
      });
    }
    await goto('/account');
    expect(await page.getByRole('link', { name: /^End the connection/ }).count()).toBe(2);
    await isFine(page, 'Connections');
    await page
      .getByRole('link', { name: /^End the connection/ })
      .first()
      .click();
    await isFine(page, 'End this connection?');
    await press('End connection');
    await page.getByRole('status').waitFor();
    await isFine(page, 'Connections');

    await goto('/account/security');
    await isFine(page, 'Sign-in and security');
    await page.getByRole('link', { name: 'Add a passkey' }).click();
    await isFine(page, 'Add a passkey');
    await goto('/account/security');
    await page.getByRole('link', { name: 'Change' }).click();
    await isFine(page, 'Password and authenticator app');
    await goto('/sign-out');
    await isFine(page, 'Sign out');
    await press('Sign out');
    await isFine(page, 'You are signed out');
  });

  it('every kind of error', async () => {
    const { clientId } = await addTestClient(stack.server);
    await authorize('cli_unknown');
    await isFine(page, 'This program is not known here');
    await authorize(clientId, { redirect_uri: 'https://evil.example/' });
    await isFine(page, 'We will not send you on from here');
    await goto('/nowhere');
    await isFine(page, 'Page not found');
    await goto('/interaction/over');
    await isFine(page, /ended|not valid|cannot be/);
  });
});

/** Nothing on the page keeps anybody out, in either scheme of colours, and nothing sticks out of 320 pixels. */
async function isFine(page: Page, heading: string | RegExp): Promise<void> {
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await violationsOf(page), `${page.url()} in ${colorScheme}`).toEqual([]);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
  expect(overflow, `${page.url()} at 320 pixels`).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1000, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });
}

/** What axe finds, each with the markup that it is about. */
async function violationsOf(page: Page): Promise<unknown> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}
