import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import {
  type Browser,
  type BrowserContext,
  launchBrowser,
  type Page,
  signInBrowser,
} from '../support/browser.ts';
import { listenForCallback } from '../support/callback.ts';
import { addPerson, authorizeUrl, type Person, pkce, post } from '../support/flow.ts';
import { describeWith } from '../support/requirements.ts';
import { addTestClient, cause } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { totpCode } from '../support/totp.ts';

const NEW_PASSWORD = 'a sentence that is easy to keep';

describeWith('browser', 'a person whose browser runs no scripts', () => {
  let stack: Stack;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    [stack, browser] = await Promise.all([startStack(), launchBrowser()]);
  });

  beforeEach(async () => {
    context = await browser.newContext({ javaScriptEnabled: false });
    page = await context.newPage();
  });

  afterEach(() => context.close());

  afterAll(async () => {
    await browser.close();
    await stack.stop();
  });

  it('is offered no passkey, which needs scripts', async () => {
    await page.goto(`${stack.server.issuer}/sign-in`);
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Next']);
  });

  it('NEW-3: makes a password and a code through a one-time link', async () => {
    const { users } = stack.server.installation;
    const { enrolment } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'dorothy@example.com', name: 'Dorothy' },
      cause,
    );
    await page.goto(enrolment?.url ?? '');
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Use password and code']);
    const seed = (await page.locator('code.secret').innerText()).replaceAll(' ', '');
    await page.getByLabel('New password').fill(NEW_PASSWORD);
    await page.getByLabel('The six digits').fill(totpCode(seed));
    await page.getByRole('button', { name: 'Use password and code' }).click();
    await page.getByText('You can sign in here from now on.').waitFor();
  });

  it('connects a program with password and code, sees the connection and ends it', async () => {
    const person = await addPerson(stack.server);
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    const callback = await listenForCallback();
    const { verifier, challenge } = pkce();

    await page.goto(
      authorizeUrl(stack.server, {
        client_id: clientId,
        redirect_uri: callback.redirectUri,
        resource: stack.resource,
        code_challenge: challenge,
        scope: 'files:read files:write',
      }),
    );
    await signIn(page, person);
    await page.getByRole('heading', { name: 'Field Notes asks for access' }).waitFor();
    await page.getByRole('checkbox', { name: 'Create and change files' }).check();
    await page.getByRole('button', { name: 'Allow access' }).click();
    const { searchParams } = await callback.arrival();
    const tokens = await post(stack.server, '/token', {
      grant_type: 'authorization_code',
      client_id: clientId,
      code: searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: callback.redirectUri,
    });
    expect(tokens.body.scope).toBe('files:read files:write');

    await page.goto(`${stack.server.issuer}/account`);
    await page.getByRole('link', { name: /End the connection of Field Notes/ }).click();
    await page.getByRole('button', { name: 'End connection' }).click();
    await page.getByText('The connection has ended').waitFor();
    expect(await page.getByText('Field Notes').count()).toBe(0);
    const after = await post(stack.server, '/token', {
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: tokens.body.refresh_token ?? '',
    });
    expect(after.body.error).toBe('invalid_grant');
    await callback.close();
  });

  it('changes password and authenticator app, and signs in with the new ones', async () => {
    const person = await addPerson(stack.server);
    await signInBrowser(stack.server, context, person);

    await page.goto(`${stack.server.issuer}/account/security`);
    await page.getByRole('link', { name: 'Change' }).click();
    const totpSecret = (await page.locator('code.secret').innerText()).replaceAll(' ', '');
    await page.getByLabel('New password').fill(NEW_PASSWORD);
    await page.getByLabel('The six digits').fill(totpCode(totpSecret));
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Password and authenticator app are set').waitFor();
    await page.getByRole('link', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in again' }).click();

    // The code that proved the new seed is spent, so the next one has to do.
    const next = totpCode(totpSecret, Date.now() + 30_000);
    await signIn(page, { ...person, password: NEW_PASSWORD }, next);
    await page.getByRole('heading', { name: 'Connected apps' }).waitFor();
  });

  it('becomes the first administrator by the set-up link', async () => {
    const { url } = await stack.server.installation.setup.createLink(cause);

    await page.goto(url);
    await page.getByLabel('Your name').fill('Grace Hopper');
    await page.getByLabel('E-mail address').fill('grace@example.com');
    await page.getByRole('button', { name: 'Next' }).click();
    const totpSecret = (await page.locator('code.secret').innerText()).replaceAll(' ', '');
    await page.getByLabel('New password').fill(NEW_PASSWORD);
    await page.getByLabel('The six digits').fill(totpCode(totpSecret));
    await page.getByRole('button', { name: 'Use password and code' }).click();

    await page.getByRole('heading', { name: 'Ready, Grace Hopper' }).waitFor();
  });

  it('keeps what was typed, and is told what is wrong', async () => {
    const person = await addPerson(stack.server);
    await page.goto(`${stack.server.issuer}/sign-in`);
    await signIn(page, { ...person, password: 'not the password at all' });

    expect(await page.getByRole('alert').innerText()).toContain('is not right');
    expect(await page.getByText(person.email).count()).toBe(1);
  });
});

async function signIn(page: Page, person: Person, code = totpCode(person.totpSecret)): Promise<void> {
  await page.getByLabel('E-mail address').fill(person.email);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Code').fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
