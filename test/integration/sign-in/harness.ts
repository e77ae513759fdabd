import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import Koa from 'koa';
import { loadConfig } from '../../../src/config/load.ts';
import { createSessionCookie } from '../../../src/domain/sessions/index.ts';
import { createInstallation } from '../../../src/installation.ts';
import { byHousekeeping } from '../../../src/kernel/cause.ts';
import { DEFAULT_TENANT } from '../../../src/kernel/ids.ts';
import {
  createAssets,
  createCookies,
  createForms,
  createHttpServer,
  createViews,
  errorBoundary,
  hostGuard,
  limits,
  requestContext,
  securityHeaders,
} from '../../../src/platform/http/index.ts';
import { createThrottle } from '../../../src/platform/throttle/index.ts';
import { signInRoutes } from '../../../src/sign-in/index.ts';
import { createAgent, type Page } from '../../support/agent.ts';
import { createTestDatabase, silent } from '../../support/database.ts';
import { totpCode } from '../../support/totp.ts';

const VIEWS = fileURLToPath(new URL('../../../views', import.meta.url));
const ORIGIN = { requestId: 'req_test' };
const CAUSE = byHousekeeping('test');

export type Harness = Awaited<ReturnType<typeof startSignIn>>;

/** The sign-in door alone, over HTTP on a port of its own, with everything that stands before and behind it. */
export async function startSignIn(env: Readonly<Record<string, string>> = {}) {
  const { database, drop } = await createTestDatabase();
  const app = new Koa();
  const server = createHttpServer((req, res) => void app.callback()(req, res), {
    issuer: 'http://localhost',
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;

  const config = loadConfig({
    GATEHOUSE_ISSUER: issuer,
    GATEHOUSE_THROTTLE: 'off',
    GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
    ...env,
  });
  let now = Date.now();
  const installation = await createInstallation({ config, database, clock: () => new Date(now) });
  await installation.prepare(CAUSE);

  const cookies = createCookies({ issuer });
  const forms = createForms({ key: randomBytes(32), cookies, issuer });
  const assets = createAssets({ root: `${VIEWS}/assets`, basePath: '' });
  const views = createViews({ root: VIEWS, basePath: '', globals: { assets: assets.urls } });
  const sessionCookie = createSessionCookie({ sessions: installation.sessions, cookies });
  const throttle = createThrottle({ enabled: config.throttle.enabled });

  app.proxy = true;
  // Loopback stands for a proxy, so that a test can come from any network.
  app.use(requestContext({ log: silent, trustedProxies: ['127.0.0.1', '::1'] }));
  app.use(securityHeaders({ issuer }));
  app.use(errorBoundary({ views, log: silent }));
  app.use(hostGuard({ issuer }));
  app.use(limits());
  app.use(
    signInRoutes({
      config,
      database,
      installation,
      throttle,
      cookies,
      forms,
      views,
      sessionCookie,
      basePath: '',
      clock: () => new Date(now),
    }),
  );
  app.use(async (ctx) => {
    const session = await sessionCookie.current(ctx);
    ctx.body = { path: ctx.path, session };
  });

  return {
    issuer,
    database,
    installation,
    origin: ORIGIN,
    cause: CAUSE,
    browser: (network?: string) => createVisitor(issuer, network),
    /** What an authenticator app shows now. */
    code: (secret: string) => totpCode(secret, now),
    /** Moves the clock of the server and of the authenticator app. */
    advance(seconds: number) {
      now += seconds * 1000;
    },
    async addUser(email: string, password = PASSWORD) {
      const user = await installation.users.add(
        { tenant: DEFAULT_TENANT, email, name: 'Ada Lovelace', password, totp: true },
        CAUSE,
      );
      return { id: user.id, email, password, secret: user.totp?.secret ?? '' };
    },
    audit: (event: string) =>
      database.prisma.auditRecord.findMany({ where: { event }, orderBy: { time: 'asc' } }),
    async stop() {
      server.closeAllConnections();
      server.close();
      await drop();
    },
  };
}

export const PASSWORD = 'correct horse battery staple';

/** A browser without scripts, at this server. */
export type Visitor = ReturnType<typeof createVisitor>;

/** @param network where it comes from. */
function createVisitor(issuer: string, network = '192.0.2.1') {
  const agent = createAgent();
  const from = { 'x-forwarded-for': network, 'user-agent': 'Browser/1.0' };
  const urlOf = (path: string) => new URL(path, issuer).href;
  return {
    open: (path: string) => agent.get(urlOf(path)),
    submit(page: Page, values: Readonly<Record<string, string>>) {
      const fields = Object.fromEntries(page.form?.fields ?? []);
      const body = new URLSearchParams({ ...fields, ...values });
      return agent.post(page.form?.action ?? page.url, body, from);
    },
    /** Sends JSON as passkey.js does, with the csrf token of the page. */
    postJson(page: Page, path: string, body: unknown) {
      const csrf = new Map(page.form?.fields).get('csrf') ?? '';
      const headers = { ...from, accept: 'application/json', 'content-type': 'application/json' };
      return agent.post(urlOf(path), JSON.stringify(body), { ...headers, 'x-csrf-token': csrf });
    },
    post: (path: string, body: URLSearchParams, headers: Readonly<Record<string, string>>) =>
      agent.post(urlOf(path), body, headers),
    cookie: (name: string) => agent.cookies().find((cookie) => cookie.name === name)?.value,
    plant(name: string, value: string, path = '/') {
      agent.setCookie({ name, value, path });
    },
  };
}

/** Goes through the three pages; answers where it ended. */
export async function signIn(
  browser: Visitor,
  { email, password, code }: { email: string; password: string; code: string },
  start = '/sign-in',
): Promise<Page> {
  const identify = await browser.open(start);
  const passwordPage = await browser.submit(identify, { email });
  const codePage = await browser.submit(passwordPage, { password });
  return browser.submit(codePage, { code });
}

/** Who the server thinks is signed in. */
export async function whoAmI(
  browser: Visitor,
): Promise<{ id: string; email: string; session: string } | undefined> {
  const page = await browser.open('/anything');
  const { session } = JSON.parse(page.html) as {
    session?: { id: string; user: { id: string; email: string } };
  };
  return session && { id: session.user.id, email: session.user.email, session: session.id };
}

/** The value of the page's csrf token. */
export function csrfOf(page: Page): string {
  return new Map(page.form?.fields).get('csrf') ?? '';
}
