import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import {
  type Browser,
  type BrowserContext,
  launchBrowser,
  type Page,
  signInBrowser,
} from '../support/browser.ts';
import { type Callback, listenForCallback } from '../support/callback.ts';
import { addPerson, authorizeUrl, type Person, pkce, post } from '../support/flow.ts';
import { isFine } from '../support/page-check.ts';
import { describeWith } from '../support/requirements.ts';
import { addTestClient, cause, FILES } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { totpCode } from '../support/totp.ts';

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
  /** Allows everything on the consent page, and redeems the code. */
  const connect = async (clientId: string, scope: string) => {
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
  };
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
    await isFine(page, 'Your code');
    await page.getByText('Trouble signing in?').click();
    await page.getByText('ask an administrator of this server').waitFor();
    await isFine(page, 'Your code');
  });

  it('each step of set-up', async () => {
    const { url } = await stack.server.installation.setup.createLink(cause);
    await page.goto(url);
    await isFine(page, 'Create the administrator account');
    await page.getByLabel('Your name').fill('Grace Hopper');
    await page.getByLabel('E-mail address').fill('grace@example.com');
    await press('Next');
    await isFine(page, 'Choose how you sign in');
    await fillFactor();
    await press('Use password and code');
    await isFine(page, 'Ready, Grace Hopper');
  });

  it('NEW-3: the page behind a one-time link, and the one for a link that was used', async () => {
    const { users } = stack.server.installation;
    const email = `linus-${Date.now()}@example.com`;
    const { enrolment } = await users.add({ tenant: DEFAULT_TENANT, email, name: 'Linus' }, cause);
    await page.goto(enrolment?.url ?? '');
    await isFine(page, 'Choose how you sign in');
    await fillFactor();
    await press('Use password and code');
    await page.getByText('You can sign in here from now on.').waitFor();

    await context.clearCookies();
    await page.goto(enrolment?.url ?? '');
    await isFine(page, 'This link cannot be used');
  });

  it('consent to a program that is known, with something destructive, and then to more of it', async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    await signInBrowser(stack.server, context, person);
    await authorize(clientId);
    expect(await page.getByText('destructive').count()).toBe(1);
    await isFine(page, 'Field Notes asks for access');
    for (const box of await page.getByRole('checkbox').all()) await box.uncheck();
    await press('Allow access');
    await page.getByText('Nothing is ticked.').waitFor();
    await isFine(page, 'Field Notes asks for access');
    await page.getByRole('checkbox', { name: 'Read and search your files' }).check();
    await press('Allow access');
    await callback.arrival();

    await authorize(clientId, { scope: 'files:read' });
    await page.getByText('You can also allow').waitFor();
    await isFine(page, 'Field Notes asks for access');
  });

  it('consent to an untrusted program', async () => {
    const registered = await fetch(`${stack.server.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'Notes Helper', redirect_uris: [callback.redirectUri] }),
    });
    const { client_id } = (await registered.json()) as { client_id: string };
    await signInBrowser(stack.server, context, person);
    await authorize(client_id);
    await page.getByText('This program is not verified.').waitFor();
    await isFine(page, '“Notes Helper” asks for access');
    expect(await page.getByRole('checkbox', { checked: true }).count()).toBe(0);
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

  it('the account, empty and with connections, and each page of it', { timeout: 120_000 }, async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    await signInBrowser(stack.server, context, person);
    await goto('/account');
    await page.getByText('No program acts for you').waitFor();
    await isFine(page, 'Connected apps');

    for (const scope of ['files:read', ALL]) await connect(clientId, scope);
    await goto('/account');
    await isFine(page, 'Connected apps');
    expect(await page.getByRole('link', { name: /^End the connection/ }).count()).toBe(0);
    await page.getByText('2 connections').click();
    expect(await page.getByRole('link', { name: /^End the connection/ }).count()).toBe(2);
    await isFine(page, 'Connected apps');
    await page
      .getByRole('link', { name: /^End the connection/ })
      .first()
      .click();
    await isFine(page, 'End this connection?');
    await press('End connection');
    await page.getByRole('status').waitFor();
    await isFine(page, 'Connected apps');

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

  it('CLI-1: what a connection may do, changed by keyboard alone', async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    await signInBrowser(stack.server, context, person);
    await connect(clientId, ALL);
    const change = () =>
      page.getByRole('link', { name: 'Change what Field Notes may do at Team Files' }).press('Enter');
    await goto('/account');
    await change();
    await isFine(page, 'Change what Field Notes may do');
    for (const box of await page.getByRole('checkbox').all()) await box.press('Space');
    await page.getByRole('button', { name: 'Save' }).press('Enter');
    await page.getByRole('alert').waitFor();
    await isFine(page, 'Change what Field Notes may do');
    await page.getByRole('checkbox', { name: 'Read and search your files' }).press('Space');
    await page.keyboard.press('Enter');
    await page.getByText('The connection may do less now.').waitFor();
    await isFine(page, 'Connected apps');
    await change();
    await page.getByText('You can also allow').waitFor();
    await isFine(page, 'Change what Field Notes may do');
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
