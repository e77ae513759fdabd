import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { DEFAULT_TENANT } from '../../src/kernel/ids.ts';
import {
  addVirtualAuthenticator,
  type Browser,
  type BrowserContext,
  complaintsOf,
  launchBrowser,
  type Page,
  signInBrowser,
} from '../support/browser.ts';
import { type Callback, listenForCallback } from '../support/callback.ts';
import { addPerson, authorizeUrl, type Person, pkce } from '../support/flow.ts';
import { describeWith } from '../support/requirements.ts';
import { createProgramV2 } from '../support/sdk-v2.ts';
import { addTestClient, cause } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';

const READ_TOOLS = ['list_files', 'read_file', 'search_files'];
const NO_SUGGESTIONS = 'PublicKeyCredential.isConditionalMediationAvailable = async () => false';
const CURSOR = 'cursor://anysphere.cursor-mcp/oauth/callback';
/** Nobody listens there. */
const LOOPBACK = 'http://127.0.0.1:9/callback';

describeWith('browser', 'a person with a passkey, in Chromium', () => {
  let stack: Stack;
  let browser: Browser;
  let context: BrowserContext;

  beforeAll(async () => {
    [stack, browser] = await Promise.all([startStack(), launchBrowser()]);
  });

  afterEach(() => context.close());

  afterAll(async () => {
    await browser.close();
    await stack.stop();
  });

  /**
   * A browser of somebody who has a passkey in it, and is not signed in. Unless it `suggests` passkeys in
   * the e-mail field, where the virtual authenticator picks the first one at once, it waits for the button.
   */
  async function browserOf(person: Person, { suggests = false } = {}): Promise<Page> {
    context = await browser.newContext();
    if (!suggests) await context.addInitScript(NO_SUGGESTIONS);
    const page = await context.newPage();
    const authenticator = await addVirtualAuthenticator(context);
    await signInBrowser(stack.server, context, person);
    await page.goto(`${stack.server.issuer}/account/security/passkeys/add`);
    await page.getByLabel('A name for it').fill('Work laptop');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByText('You can sign in with the new passkey').waitFor();
    expect(await authenticator.count()).toBe(1);
    await context.clearCookies();
    return page;
  }

  it('becomes the first administrator by the set-up link, leaves and comes back', async () => {
    context = await browser.newContext();
    await context.addInitScript(NO_SUGGESTIONS);
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    const authenticator = await addVirtualAuthenticator(context);
    const { url } = await stack.server.installation.setup.createLink(cause);

    await page.goto(url);
    expect(page.url()).toBe(`${stack.server.issuer}/setup`);
    await page.getByLabel('Your name').fill('Grace Hopper');
    await page.getByLabel('E-mail address').fill('grace@example.com');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByRole('heading', { name: 'Ready, Grace Hopper' }).waitFor();
    expect(await authenticator.count()).toBe(1);

    await page.goto(`${stack.server.issuer}/account`);
    await page.getByRole('link', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await page.goto(`${stack.server.issuer}/account`);
    expect(new URL(page.url()).pathname).toBe('/sign-in');

    await signInWithPasskey(page);
    await page.getByRole('heading', { name: 'Connected apps' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('NEW-3: makes a passkey through the link that user add prints, leaves and comes back', async () => {
    context = await browser.newContext();
    await context.addInitScript(NO_SUGGESTIONS);
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    const authenticator = await addVirtualAuthenticator(context);
    const { users } = stack.server.installation;
    const { enrolment } = await users.add(
      { tenant: DEFAULT_TENANT, email: 'katherine@example.com', name: 'Katherine' },
      cause,
    );

    await page.goto(enrolment?.url ?? '');
    expect(page.url()).toBe(`${stack.server.issuer}/enrol`);
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.getByText('You can sign in here from now on.').waitFor();
    expect(await authenticator.count()).toBe(1);

    await context.clearCookies();
    await page.goto(`${stack.server.issuer}/account/security`);
    await signInWithPasskey(page);
    await page.getByText(/^Chrome on Linux, /).waitFor();
    expect(complaints).toEqual([]);
  });

  it('signs in with the passkey that the e-mail field suggests', async () => {
    const page = await browserOf(await addPerson(stack.server), { suggests: true });
    const complaints = complaintsOf(page);

    await page.goto(`${stack.server.issuer}/account`);

    await page.getByRole('heading', { name: 'Connected apps' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('MCP 32: connects a program on a loopback port, from the 401 to the tools', async () => {
    const person = await addPerson(stack.server);
    const page = await browserOf(person);
    const complaints = complaintsOf(page);
    const callback = await listenForCallback();
    const program = createProgramV2({
      resource: stack.resource,
      redirectUri: callback.redirectUri,
      grantTypes: ['authorization_code', 'refresh_token'],
      open: (url) => authorizeInBrowser(page, url, callback),
    });

    await program.connect();

    expect(await program.tools()).toEqual(READ_TOOLS);
    expect(page.url()).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback\?code=/);
    expect(complaints).toEqual([]);
    await program.close();
    await callback.close();
  });

  it('MCP 32: is sent on to a program that opens links of its own scheme', async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Cursor', redirectUris: [CURSOR] });
    const page = await browserOf(await addPerson(stack.server));
    const complaints = complaintsOf(page);
    const documents = await documentsOf(page);

    await page.goto(requestOf(clientId, CURSOR));
    await signInWithPasskey(page);
    await page.getByRole('button', { name: 'Allow access' }).click({ noWaitAfter: true });

    await expect
      .poll(() => documents.at(-1))
      .toMatch(/^cursor:\/\/anysphere\.cursor-mcp\/oauth\/callback\?code=/);
    expect(new URL(documents.at(-1) ?? '').searchParams.get('iss')).toBe(stack.server.issuer);
    expect(complaints).toEqual([]);
  });

  it('MCP 32: would not reach a loopback port, if the policy named where forms may lead', async () => {
    const { clientId } = await addTestClient(stack.server, { redirectUris: [LOOPBACK] });
    const page = await browserOf(await addPerson(stack.server));
    const complaints = complaintsOf(page);
    const documents = await documentsOf(page);
    await page.route('**/interaction/*', async (route) => {
      if (route.request().method() !== 'GET') return route.fallback();
      const response = await route.fetch({ maxRedirects: 0 });
      const policy = `${response.headers()['content-security-policy']}; form-action 'self'`;
      return route.fulfill({
        response,
        headers: { ...response.headers(), 'content-security-policy': policy },
      });
    });

    await page.goto(requestOf(clientId, LOOPBACK));
    await signInWithPasskey(page);
    await page.getByRole('button', { name: 'Allow access' }).click({ noWaitAfter: true });

    await expect.poll(() => complaints.join()).toContain('form-action');
    expect(documents.filter((url) => url.startsWith(LOOPBACK))).toEqual([]);
  });

  function requestOf(clientId: string, redirectUri: string): string {
    return authorizeUrl(stack.server, {
      client_id: clientId,
      redirect_uri: redirectUri,
      resource: stack.resource,
      code_challenge: pkce().challenge,
    });
  }
});

async function signInWithPasskey(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
}

async function authorizeInBrowser(page: Page, url: URL, callback: Callback): Promise<URL> {
  await page.goto(url.href);
  await signInWithPasskey(page);
  await page.getByRole('checkbox', { name: 'Read and search your files' }).check();
  await page.getByRole('button', { name: 'Allow access' }).click();
  return callback.arrival();
}

/** Every address for which the browser begins to load a document, redirects and foreign schemes included. */
async function documentsOf(page: Page): Promise<readonly string[]> {
  const addresses: string[] = [];
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  cdp.on('Network.requestWillBeSent', ({ type, request }) => {
    if (type === 'Document') addresses.push(request.url);
  });
  return addresses;
}
