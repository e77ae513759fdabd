import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Browser, Page } from '../support/browser.ts';
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
  /** The scopes to tick from now on; all others are left or made empty. */
  ticks(scopes: readonly string[]): void;
  /** @throws AggregateError of everything that went wrong in the browser. */
  check(): void;
  close(): Promise<void>;
}

/** Longer than a page needs on a busy machine. */
const PAGE_TIMEOUT_MS = 30_000;
/** Pages between an authorization request and the program: three to sign in, consent, and some in reserve. */
const MAX_PAGES = 8;

/** Adds a user who signs in with password and one-time code, and allows what the consent page offers of their scopes. */
export async function addUser(server: TestServer, browser: Browser): Promise<User> {
  const person = await addPerson(server);
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  context.setDefaultTimeout(PAGE_TIMEOUT_MS);
  const opened: URL[] = [];
  const faults: unknown[] = [];
  const visits = new Set<Promise<void>>();
  let wanted: readonly string[] = ['files:read'];

  const visit = async (url: URL) => {
    const page = await context.newPage();
    try {
      await authorize(page, url, { issuer: server.issuer, person, wanted: () => wanted });
    } finally {
      await page.close();
    }
  };
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
  readonly wanted: () => readonly string[];
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
        for (const box of await form.locator('[name=scope]').all()) {
          await box.setChecked(wanted().includes((await box.getAttribute('value')) ?? ''));
        }
        break;
      default:
        throw new Error(`no form at ${page.url()}: ${await page.innerText('body')}`);
    }
    const before = page.url();
    const next = page.waitForURL((to) => to.href !== before);
    await form
      .locator(step === 'consent' ? '[value=allow]' : '[type=submit]')
      .first()
      .click();
    await next;
  }
  await page.waitForLoadState();
}
