import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { type Browser, type Locator, type Page, signInBrowser } from '../support/browser.ts';
import { addPerson, type Person } from '../support/flow.ts';
import type { TestServer } from '../support/server.ts';
import { totpCode } from '../support/totp.ts';

/** A user with a browser, to which client programs send authorization requests. */
export interface User {
  readonly id: string;
  /** Where the `BROWSER` of a HOME posts the addresses that it is to open. */
  readonly browserUrl: string;
  /** Every address that was opened, oldest first. */
  readonly opened: readonly URL[];
  /** The scopes to tick from now on, and no others; `undefined` leaves every box as the page has it. */
  ticks(scopes: readonly string[] | undefined): void;
  /** How many lines the account page has for connections, whatever each line folds. */
  connectionLines(): Promise<number>;
  /** Ends every connection on the account page, one after the other. */
  endConnections(): Promise<void>;
  /** @throws AggregateError of everything that went wrong in the browser. */
  check(): void;
  close(): Promise<void>;
}

/** Longer than a page needs on a busy machine. */
const PAGE_TIMEOUT_MS = 30_000;
/** Pages between an authorization request and the program: three to sign in, consent, and some in reserve. */
const MAX_PAGES = 8;

/**
 * Adds a user with a browser of their own, who allows what the consent page offers of their scopes. The browser is
 * signed in, unless it is to meet the sign-in with password and one-time code.
 */
export async function addUser(
  server: TestServer,
  browser: Browser,
  { signedOut }: { readonly signedOut: boolean },
): Promise<User> {
  const person = await addPerson(server);
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  context.setDefaultTimeout(PAGE_TIMEOUT_MS);
  if (!signedOut) await signInBrowser(server, context, person);
  const opened: URL[] = [];
  const faults: unknown[] = [];
  const visits = new Set<Promise<void>>();
  let wanted: readonly string[] | undefined = ['files:read'];

  const onPage = async <T>(act: (page: Page) => Promise<T>): Promise<T> => {
    const page = await context.newPage();
    try {
      return await act(page);
    } finally {
      await page.close();
    }
  };
  const visit = (url: URL) =>
    onPage((page) => authorize(page, url, { issuer: server.issuer, person, wanted: () => wanted }));
  const account = <T>(act: (page: Page) => Promise<T>) =>
    onPage(async (page) => {
      await page.goto(`${server.issuer}/account`);
      return act(page);
    });
  const listener = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    // As a desktop does: the program does not wait for what the user makes of it.
    response.end();
    const url = new URL(Buffer.concat(chunks).toString());
    opened.push(url);
    const visiting: Promise<void> = visit(url)
      .catch((error: unknown) => void faults.push(error))
      .finally(() => visits.delete(visiting));
    visits.add(visiting);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');

  return {
    id: person.id,
    browserUrl: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
    opened,
    ticks(scopes) {
      wanted = scopes;
    },
    connectionLines: () =>
      account((page) => page.locator('section > .row:has(a.danger), section > details.fold').count()),
    endConnections: () =>
      account(async (page) => {
        const ends = page.getByRole('link', { name: /^End the connection of /, includeHidden: true });
        for (let left = await ends.count(); left > 0; left = await ends.count()) {
          await page.goto(`${server.issuer}${await ends.first().getAttribute('href')}`);
          await page.locator('form[data-step=confirm] [type=submit]').click();
          await page.waitForURL(/\bdone=connection-ended\b/);
        }
      }),
    check() {
      if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join('\n'));
    },
    async close() {
      listener.closeAllConnections();
      listener.close();
      await context.close();
      await Promise.allSettled(visits);
    },
  };
}

interface Visitor {
  readonly issuer: string;
  readonly person: Person;
  readonly wanted: () => readonly string[] | undefined;
}

/** Goes from the authorization request to the program's callback page, through whatever stands between. */
async function authorize(page: Page, url: URL, { issuer, person, wanted }: Visitor): Promise<void> {
  await page.goto(url.href);
  for (let pages = 0; page.url().startsWith(issuer); pages += 1) {
    if (pages === MAX_PAGES) throw new Error(`no way on from ${page.url()}: ${await page.innerText('body')}`);
    const form = page.locator('form[data-step]').first();
    const step = (await form.count()) === 0 ? undefined : await form.getAttribute('data-step');
    switch (step) {
      case 'identify':
        await form.locator('[name=email]').fill(person.email);
        break;
      case 'password':
        await form.locator('[name=password]').fill(person.password);
        break;
      case 'totp':
        await form.locator('[name=code]').fill(totpCode(person.totpSecret));
        break;
      case 'consent':
        await tick(form, wanted());
        break;
      default:
        throw new Error(`no form at ${page.url()}: ${await page.innerText('body')}`);
    }
    // Not by its address: a page may come again, with an error.
    await Promise.all([
      page.waitForEvent('load'),
      form
        .locator(step === 'consent' ? '[value=allow]' : '[type=submit]')
        .first()
        .click(),
    ]);
  }
  if (!page.url().startsWith('http')) throw new Error(`the program does not listen: ${page.url()}`);
}

async function tick(form: Locator, scopes: readonly string[] | undefined): Promise<void> {
  if (!scopes) return;
  for (const box of await form.locator('[name=scope]').all()) {
    await box.setChecked(scopes.includes((await box.getAttribute('value')) ?? ''));
  }
}
