import { type Browser, type BrowserContext, type Page, chromium as playwright } from 'playwright-core';

import { type Person, signedIn } from './flow.ts';
import { chromium } from './requirements.ts';
import type { TestServer } from './server.ts';

export type { Browser, BrowserContext, Locator, Page } from 'playwright-core';

/** Quiet, and with nothing of its own to say on the network. */
const ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A sandbox needs a user namespace, which root has not.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

/** Starts Chromium without a window. @throws Error where there is none: ask `available('browser')` first. */
export async function launchBrowser(): Promise<Browser> {
  if (chromium === undefined) throw new Error('there is no Chromium to start');
  return playwright.launch({ executablePath: chromium, headless: true, args: ARGS });
}

/** A passkey provider of the browser's own, which says yes to everything at once and without a prompt. */
export interface VirtualAuthenticator {
  /** How many passkeys it keeps. */
  count(): Promise<number>;
}

/** Gives the first page of the context an authenticator as it is built into a laptop (CTAP 2, internal, user verification). */
export async function addVirtualAuthenticator(context: BrowserContext): Promise<VirtualAuthenticator> {
  const page = context.pages()[0] ?? (await context.newPage());
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    async count() {
      return (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length;
    },
  };
}

/** Gives a browser a session of this person, as a passkey sign-in would leave it. */
export async function signInBrowser(
  server: TestServer,
  context: BrowserContext,
  person: Person,
): Promise<void> {
  const cookies: { name: string; value: string; url: string }[] = [];
  await signedIn(
    server,
    { setCookie: ({ name, value }) => cookies.push({ name, value, url: server.issuer }) },
    person,
  );
  await context.addCookies(cookies);
}

/** Everything that a page complains about from now on: errors, warnings, refused content. */
export function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  return complaints;
}
