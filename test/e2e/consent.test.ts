import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { addResource } from '../../src/domain/resources/index.ts';
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
import { describeWith } from '../support/requirements.ts';
import { addTestClient, cause } from '../support/server.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { totpCode } from '../support/totp.ts';

/** Each would leave a mark on `window.ran` in one of the places where a name can stand: text, attribute, URL, style, script. */
const CORPUS = [
  '<script>ran=1</script>',
  '"><img src=x onerror=ran=1>',
  `'><svg onload="ran=1">`,
  '</title><script>ran=1</script>',
  '</bdi></legend><iframe srcdoc="<script>parent.ran=1</script>"></iframe>',
  '" autofocus onfocus="ran=1" x="',
  '<a href="javascript:ran=1" autofocus>click</a>',
  '{{ "<script>ran=1</script>" | raw }}{% raw %}',
  '<style>@import "javascript:ran=1";</style>',
  '<meta http-equiv=refresh content="0;url=javascript:ran=1">',
  '<base href="https://evil.example/">',
  '<form action="https://evil.example/"><button>Allow access</button></form>',
  '&lt;script&gt;ran=1&lt;/script&gt;',
];

describeWith('browser', 'consent, in Chromium', () => {
  let stack: Stack;
  let browser: Browser;
  let callback: Callback;
  let context: BrowserContext;
  let page: Page;
  let complaints: readonly string[];
  let person: Person;

  beforeAll(async () => {
    [stack, browser, callback] = await Promise.all([startStack(), launchBrowser(), listenForCallback()]);
  });

  beforeEach(async () => {
    person = await addPerson(stack.server);
    context = await browser.newContext();
    await context.addInitScript('PublicKeyCredential.isConditionalMediationAvailable = async () => false');
    page = await context.newPage();
    complaints = complaintsOf(page);
  });

  afterEach(() => context.close());

  afterAll(async () => {
    await callback.close();
    await browser.close();
    await stack.stop();
  });

  const request = (clientId: string, more: Readonly<Record<string, string>> = {}) =>
    authorizeUrl(stack.server, {
      client_id: clientId,
      redirect_uri: callback.redirectUri,
      resource: stack.resource,
      code_challenge: pkce().challenge,
      scope: 'files:read files:write',
      ...more,
    });

  it('can be reached and given by keyboard alone, with the focus in sight at every step', async () => {
    const { clientId } = await addTestClient(stack.server, { name: 'Field Notes' });
    const { keyboard } = page;
    await page.goto(request(clientId));

    await keyboard.type(person.email);
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your password' }).waitFor();
    await keyboard.type(person.password);
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your code' }).waitFor();
    await keyboard.type(totpCode(person.totpSecret));
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Field Notes asks for access' }).waitFor();

    const stops = await tabThrough(page);
    expect(stops.map(({ name }) => name)).toEqual([
      'Skip to content',
      'not you?',
      'Read and search your files',
      'Create and change files',
      'Delete files',
      'Allow access',
      'Deny',
      'Connected apps',
    ]);
    expect(stops.filter(({ visible }) => !visible)).toEqual([]);

    await focusOn(page, 'Create and change files');
    await keyboard.press('Space');
    await focusOn(page, 'Allow access');
    await page.locator('button[data-delayed]:not([aria-disabled])').waitFor();
    await keyboard.press('Enter');
    expect((await callback.arrival()).searchParams.get('code')).toEqual(expect.any(String));
    expect(complaints).toEqual([]);
  });

  it('SEC-M10: the consent page allows nothing when it is clicked at once, and what is ticked half a second later', async () => {
    const { clientId } = await addTestClient(stack.server);
    await signInBrowser(stack.server, context, person);
    // The moment at which the page is complete and its scripts have run: a click that was on its way arrives now.
    await context.addInitScript(`addEventListener('DOMContentLoaded', () => {
      window.submitted = 0;
      document.addEventListener('submit', (event) => { if (!event.defaultPrevented) window.submitted += 1; });
      document.querySelector('button[data-delayed]')?.click();
    })`);
    await page.goto(request(clientId));
    expect(await page.evaluate('window.submitted')).toBe(0);
    const allow = page.getByRole('button', { name: 'Allow access' });
    await allow.click();
    expect((await callback.arrival()).searchParams.get('code')).toEqual(expect.any(String));
    expect(complaints).toEqual([]);
  });

  it('SEC-M10: the delay of the consent page begins again when its window gets the focus', async () => {
    const { clientId } = await addTestClient(stack.server);
    await signInBrowser(stack.server, context, person);
    await page.goto(request(clientId));
    const allow = page.getByRole('button', { name: 'Allow access' });
    await expect.poll(() => allow.getAttribute('aria-disabled')).toBeNull();
    const disabled = await page.evaluate(`(() => {
      window.dispatchEvent(new Event('focus'));
      return document.querySelector('button[data-delayed]').getAttribute('aria-disabled');
    })()`);
    expect(disabled).toBe('true');
    await expect.poll(() => allow.getAttribute('aria-disabled')).toBeNull();
  });

  it('denies with Enter as easily as it allows', async () => {
    const { clientId } = await addTestClient(stack.server);
    await signInBrowser(stack.server, context, person);
    await page.goto(request(clientId));

    await focusOn(page, 'Deny');
    await page.keyboard.press('Enter');

    expect((await callback.arrival()).searchParams.get('error')).toBe('access_denied');
  });

  it('M1: is not shown inside a page of somebody else', async () => {
    const { clientId } = await addTestClient(stack.server);
    await signInBrowser(stack.server, context, person);
    const around = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(
        `<title>Win a prize</title><iframe src="${request(clientId).replaceAll('&', '&amp;')}"></iframe>`,
      );
    }).listen(0, '127.0.0.1');
    await once(around, 'listening');

    await page.goto(`http://localhost:${(around.address() as AddressInfo).port}/`);

    await expect.poll(() => complaints.join()).toContain('frame-ancestors');
    expect(await page.frames()[1]?.getByRole('button').count()).toBe(0);
    await page.goto(request(clientId));
    expect(await page.getByRole('button', { name: 'Allow access' }).count()).toBe(1);
    around.closeAllConnections();
    around.close();
  });

  it('M3: two tabs with two programs do not get into each other’s way', async () => {
    const one = await addTestClient(stack.server, { name: 'First Program' });
    const two = await addTestClient(stack.server, { name: 'Second Program' });
    const other = await context.newPage();
    await signInBrowser(stack.server, context, person);
    await page.goto(request(one.clientId, { state: 'first' }));
    await other.goto(request(two.clientId, { state: 'second' }));

    await page.getByRole('button', { name: 'Allow access' }).click();
    expect((await callback.arrival()).searchParams.get('state')).toBe('first');
    await other.getByRole('heading', { name: 'Second Program asks for access' }).waitFor();
    await other.getByRole('button', { name: 'Allow access' }).click();
    expect((await callback.arrival()).searchParams.get('state')).toBe('second');
  });

  it('M10: shows hostile names of programs, servers, tools and people as text', async () => {
    await addResource(
      stack.server.database.prisma,
      {
        tenantId: DEFAULT_TENANT,
        identifier: 'https://hostile.example/mcp',
        name: CORPUS.join(' ').slice(0, 120),
        scopes: CORPUS.map((text, index) => ({
          scope: `hostile:${index}`,
          description: text.slice(0, 200),
          destructive: false,
        })),
        defaultScopes: ['hostile:0'],
        tools: CORPUS.map((text, index) => ({
          name: `tool_${index}`,
          title: text.slice(0, 120),
          scopes: [`hostile:${index}`],
          effect: 'read',
        })),
      },
      cause,
    );
    await stack.server.database.prisma.user.update({
      where: { id: person.id },
      data: { name: CORPUS.join(' ') },
    });
    await signInBrowser(stack.server, context, person);

    for (const name of CORPUS) {
      const registered = await fetch(`${stack.server.issuer}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ client_name: name, redirect_uris: [callback.redirectUri] }),
      });
      const { client_id } = (await registered.json()) as { client_id: string };
      await page.goto(
        request(client_id, {
          resource: 'https://hostile.example/mcp',
          scope: CORPUS.map((_, index) => `hostile:${index}`).join(' '),
        }),
      );
      expect(await page.getByRole('checkbox').count()).toBe(CORPUS.length);
      expect(await page.getByRole('button').allInnerTexts()).toEqual(['Allow access', 'Deny']);
      expect(
        await page.evaluate(
          'document.querySelectorAll("script:not([src^=\'/assets/\']), iframe, svg[onload], base").length',
        ),
      ).toBe(0);
      expect(await page.evaluate('"ran" in window')).toBe(false);
    }
    await page.getByRole('checkbox').first().check();
    await page.getByRole('button', { name: 'Allow access' }).click();
    await callback.arrival();
    await page.goto(`${stack.server.issuer}/account`);
    expect(await page.evaluate('"ran" in window')).toBe(false);
    expect(complaints).toEqual([]);
  });
});

interface Stop {
  readonly name: string;
  /** Whether an outline shows that the focus is here. */
  readonly visible: boolean;
}

/** What the Tab key reaches, from the top of the page to its end. */
async function tabThrough(page: Page): Promise<readonly Stop[]> {
  const stops: Stop[] = [];
  await page.evaluate('document.activeElement.blur(); document.body.focus()');
  for (let press = 0; press < 30; press += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate<Stop | undefined>(FOCUSED);
    if (!stop) break;
    stops.push(stop);
  }
  return stops;
}

const FOCUSED = `(() => {
  const it = document.activeElement;
  if (!it || it === document.body) return undefined;
  const { outlineStyle, outlineWidth } = getComputedStyle(it);
  const text = it.labels?.[0]?.querySelector('span span')?.textContent ?? it.textContent;
  return {
    name: text.trim().replace(/\\s+/g, ' '),
    visible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
  };
})()`;

/** Presses Tab until the element of this name has the focus. */
async function focusOn(page: Page, name: string): Promise<void> {
  for (let press = 0; press < 30; press += 1) {
    const stop = await page.evaluate<Stop | undefined>(FOCUSED);
    if (stop?.name === name) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not lead to ${name}`);
}
