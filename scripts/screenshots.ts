/**
 * Takes the pictures of docs/screenshots: a new installation is started, set up and used in Chromium,
 * so that every page shows what the server really says.
 *
 *     npm run screenshots [-- chromium [folder]]
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { loadConfig } from '../src/config/load.ts';
import { setRule } from '../src/domain/admission/index.ts';
import { addClient, removeClient } from '../src/domain/clients/index.ts';
import { revokeGrantsOf } from '../src/domain/grants/index.ts';
import { addResource } from '../src/domain/resources/index.ts';
import { byHousekeeping } from '../src/kernel/cause.ts';
import { DEFAULT_TENANT } from '../src/kernel/ids.ts';
import { startServer } from '../src/main.ts';
import { startTestWeb } from '../test/support/web.ts';

const FOLDER = process.argv[3] ?? fileURLToPath(new URL('../docs/screenshots/', import.meta.url));
const PORT = 4460;
const ISSUER = `http://localhost:${PORT}`;
const RESOURCE = 'https://files.acme.example/mcp';
const CALLBACK = 'http://127.0.0.1:53111/callback';
/** A client that nobody registered: its identity is the address of its document. */
const STRANGER = 'https://notes.example/oauth/client.json';
/** The same, and nobody has let it in. */
const UNKNOWN = 'https://slides.example/oauth/client.json';
/** The same, and its document cannot be had. */
const AWAY = 'https://away.example/oauth/client.json';
/** Every scope of the server. */
const ALL = 'files:read files:write files:delete offline_access';
const CURSOR = 'cursor://anysphere.cursor-mcp/oauth/callback';
/** The widths at which a page is looked at: a narrow column has no use for more. */
const WIDTHS = { desktop: 720, phone: 360 } as const;
const WIDE: ReadonlySet<string> = new Set(['connections', 'change-connection', 'security']);
const CHANGE = /^Change what/;
const END = /^End the connection/;
const cause = byHousekeeping('screenshots');
const verifier = randomBytes(32).toString('base64url');

const web = await startTestWeb();
web.publish(STRANGER, () => document('Notes Helper'));
const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-'));
// Started by root, PostgreSQL runs as somebody else, who has to come in here.
chmodSync(dataDir, 0o755);
const server = await startServer(
  loadConfig({
    GATEHOUSE_ISSUER: ISSUER,
    GATEHOUSE_INTERNAL_LISTEN: '127.0.0.1:0',
    GATEHOUSE_DATA_DIR: dataDir,
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
    GATEHOUSE_LOG_LEVEL: 'warn',
    GATEHOUSE_METADATA_DOCUMENTS: 'review',
  }),
  { outbound: web.outbound },
);
const browser = await chromium.launch({
  executablePath: process.argv[2] ?? '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});

try {
  mkdirSync(FOLDER, { recursive: true });
  const { client, cursor } = await seed();
  const context = await browser.newContext({
    viewport: { width: 720, height: 600 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await addAuthenticator(context, page);
  await context.route(`${CALLBACK}**`, (route) => route.fulfill({ body: 'connected' }));

  await setUp(page);
  await context.clearCookies();
  await page.goto(authorizeUrl(client));
  await shoot(page, 'sign-in');
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('button', { name: 'Allow access' }).waitFor();
  await shoot(page, 'consent');
  await connect(page, client, 'files:read offline_access');
  await page.goto(authorizeUrl(client));
  await shoot(page, 'consent-step-up');
  await page.getByRole('checkbox', { name: 'Create and change files' }).uncheck();
  await page.getByRole('button', { name: 'Allow access' }).click();
  await page.getByRole('alert').waitFor();
  await shoot(page, 'consent-again');
  await connect(page, client);

  await page.goto(authorizeUrl(STRANGER));
  await shoot(page, 'consent-untrusted');
  await page.getByRole('checkbox').first().check();
  await page.getByRole('button', { name: 'Allow access' }).click();
  await page.waitForURL(`${CALLBACK}**`);
  await server.database.pool.query('DELETE FROM web_copies');
  web.publish(STRANGER, () => document('Notes and Slides Helper'));
  await page.goto(authorizeUrl(STRANGER));
  await shoot(page, 'consent-changed');

  // On a page of its own, over which the browser asks afterwards whether to open Cursor.
  const other = await context.newPage();
  await other.goto(authorizeUrl(cursor, CURSOR));
  await shoot(other, 'consent-private-use');
  await other.getByRole('button', { name: 'Allow access' }).click();
  await other.getByRole('heading', { name: 'Go back to Cursor' }).waitFor();
  await shoot(other, 'done');
  await other.close();

  await page.goto(authorizeUrl(UNKNOWN));
  await shoot(page, 'not-let-in');
  await page.getByRole('link', { name: 'Ask for this program' }).click();
  await page.getByLabel('What do you need it for?').waitFor();
  await shoot(page, 'client-request');
  await page.getByLabel('What do you need it for?').fill('For the slides of our meetings');
  await page.getByRole('button', { name: 'Ask for it' }).click();
  await page.getByRole('heading', { name: 'You have asked for this program' }).waitFor();
  await shoot(page, 'client-request-waiting');
  await page.goto(authorizeUrl(AWAY));
  await shoot(page, 'not-identified');
  await page.goto(authorizeUrl(client, 'https://evil.example/callback'));
  await shoot(page, 'redirect-refused');

  await openConnections(page);
  await shoot(page, 'connections');
  await page.getByRole('link', { name: CHANGE }).first().click();
  await shoot(page, 'change-connection');
  await openConnections(page);
  await page.getByRole('link', { name: END }).first().click();
  await shoot(page, 'end-connection');
  await page.goto(`${ISSUER}/account/security`);
  await shoot(page, 'security');
  await removeClient({ prisma: server.database.prisma, revokeGrantsOf }, cursor, cause);
  await page.goto(authorizeUrl(cursor, CURSOR));
  await shoot(page, 'lost-client');
} finally {
  await browser.close();
  await server.stop();
  await web.stop();
  rmSync(dataDir, { recursive: true, force: true });
}

/** Opens Connected apps, with the connections of every folded line. */
async function openConnections(page: Page): Promise<void> {
  await page.goto(`${ISSUER}/account`);
  for (const fold of await page.locator('details.fold > summary').all()) await fold.click();
}

async function setUp(page: Page): Promise<void> {
  const { url } = await server.installation.setup.createLink(cause);
  await page.goto(url);
  await page.getByLabel('Your name').fill('Ada Lovelace');
  await page.getByLabel('E-mail address').fill('ada@acme.example');
  await shoot(page, 'setup-1');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Use a passkey' }).waitFor();
  await shoot(page, 'setup-2');
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.getByRole('heading', { name: /^Ready/ }).waitFor();
  await shoot(page, 'setup-3');
}

async function seed(): Promise<{ readonly client: string; readonly cursor: string }> {
  const { prisma } = server.database;
  await addResource(
    prisma,
    {
      tenantId: DEFAULT_TENANT,
      identifier: RESOURCE,
      name: 'Team Files',
      scopes: [
        { scope: 'files:read', description: 'Read and search your files', destructive: false },
        { scope: 'files:write', description: 'Create and change files', destructive: false },
        { scope: 'files:delete', description: 'Delete files', destructive: true },
      ],
      defaultScopes: ['files:read'],
      tools: [
        { name: 'list_files', title: 'List files', scopes: ['files:read'], effect: 'read' },
        { name: 'read_file', title: 'Read a file', scopes: ['files:read'], effect: 'read' },
        { name: 'write_file', title: 'Write a file', scopes: ['files:write'], effect: 'write' },
        { name: 'delete_file', title: 'Delete a file', scopes: ['files:delete'], effect: 'destructive' },
      ],
    },
    cause,
  );
  const { clientId } = await addClient(
    prisma,
    { tenantId: DEFAULT_TENANT, name: 'Claude Code', redirectUris: ['http://127.0.0.1/callback'] },
    cause,
  );
  const cursor = await addClient(
    prisma,
    { tenantId: DEFAULT_TENANT, name: 'Cursor', redirectUris: [CURSOR] },
    cause,
  );
  await setRule(prisma, { tenantId: DEFAULT_TENANT, pattern: STRANGER, trust: 'untrusted' }, cause);
  await setRule(prisma, { tenantId: DEFAULT_TENANT, pattern: AWAY, trust: 'known' }, cause);
  return { client: clientId, cursor: cursor.clientId };
}

function document(name: string): Response {
  return Response.json({
    client_id: STRANGER,
    client_name: name,
    redirect_uris: [CALLBACK],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
  });
}

function authorizeUrl(clientId: string, redirectUri = CALLBACK, scope = ALL): string {
  return `${ISSUER}/authorize?${new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state',
    resource: RESOURCE,
    scope,
  })}`;
}

/** Allows access and redeems the code, as the program behind the callback would. */
async function connect(page: Page, clientId: string, scope = ALL): Promise<void> {
  await page.goto(authorizeUrl(clientId, CALLBACK, scope));
  await page.getByRole('button', { name: 'Allow access' }).click();
  await page.waitForURL(`${CALLBACK}**`);
  const code = new URL(page.url()).searchParams.get('code') ?? '';
  const response = await fetch(`${ISSUER}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      code_verifier: verifier,
      redirect_uri: CALLBACK,
    }),
  });
  if (!response.ok) throw new Error(`no tokens: ${await response.text()}`);
}

async function addAuthenticator(context: BrowserContext, page: Page): Promise<void> {
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  // Or the e-mail field would be answered before the page is looked at.
  await context.addInitScript('PublicKeyCredential.isConditionalMediationAvailable = async () => false');
}

/** One page four times: desktop and phone, light and dark. */
async function shoot(page: Page, name: string): Promise<void> {
  for (const [device, narrow] of Object.entries(WIDTHS)) {
    const width = device === 'desktop' && WIDE.has(name) ? 1000 : narrow;
    await page.setViewportSize({ width, height: 600 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const file = `${name}-${device}-${colorScheme}.png`;
      await page.screenshot({ path: join(FOLDER, file), fullPage: true });
      console.log(file);
    }
  }
}
