import type { RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import Koa from 'koa';
import mount from 'koa-mount';
import type { Logger } from 'pino';
import { accountRoutes } from './account/index.ts';
import type { Config } from './config/config.ts';
import { createSessionCookie } from './domain/sessions/index.ts';
import type { Installation } from './installation.ts';
import type { Clock } from './kernel/clock.ts';
import { GATEHOUSE } from './kernel/command-line.ts';
import { prefixShare } from './kernel/network.ts';
import { carryFlow, cors, createOAuth, type DocumentLimiters, READABLE_BY_ALL } from './oauth/index.ts';
import type { Database } from './platform/database/index.ts';
import type { GuardedFetch, Ways } from './platform/fetch/index.ts';
import {
  createAssets,
  createCookies,
  createForms,
  createInternalApp,
  createRouteNames,
  createViews,
  errorBoundary,
  health,
  hostGuard,
  limits,
  observeRequests,
  oneByOne,
  requestContext,
  securityHeaders,
  shortcut,
} from './platform/http/index.ts';
import type { Tracing } from './platform/observability/index.ts';
import { createPrefixLimiter, type Throttle } from './platform/throttle/index.ts';
import { signInRoutes } from './sign-in/index.ts';
import type { Telemetry } from './telemetry/index.ts';

export interface AppDeps {
  readonly config: Config;
  readonly database: Database;
  readonly installation: Installation;
  readonly throttle: Throttle;
  readonly telemetry: Telemetry;
  /** Absent where nothing is traced. */
  readonly tracing: Tracing | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly draining: () => boolean;
  /** To what clients publish about themselves. */
  readonly ways: Ways;
  /** Whether metadata documents can be fetched at the moment. */
  readonly documentsReachable: () => boolean;
}

const VIEWS = fileURLToPath(new URL('../views', import.meta.url));
/** What is answered without a router of ours, as metrics and traces call it. */
const ROUTES = [
  '/healthz',
  '/authorize',
  '/authorize/:uid',
  '/token',
  '/jwks',
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/assets/:file',
];
const MINUTE = 60;
const HOUR = 3600;

/** The composition root: the one file that knows every door. Answers the public listener and the internal application. */
export async function createApp(
  deps: AppDeps,
): Promise<{ readonly listener: RequestListener; readonly internal: Koa }> {
  const { config, database, installation, throttle, telemetry, tracing, clock, log } = deps;
  const { issuer } = config;
  const { pathname } = new URL(issuer);
  const basePath = pathname === '/' ? '' : pathname;

  const cookies = createCookies({ issuer });
  const { key: formsKey } = await installation.secrets('forms').current();
  const { key: cookieKey } = await installation.secrets('cookies').current();
  const forms = createForms({ key: formsKey, cookies, issuer });
  const assets = createAssets({ root: `${VIEWS}/assets`, basePath });
  const views = createViews({ root: VIEWS, basePath, globals: { assets: assets.urls } });
  const sessionCookie = createSessionCookie({ sessions: installation.sessions, cookies });

  const oauth = createOAuth({
    config,
    database,
    defaultTenant: installation.defaultTenant,
    sealer: installation.sealer,
    cookies,
    cookieKey,
    views,
    forms,
    currentSession: (ctx) => sessionCookie.current(ctx),
    clock,
    anonymous: installation.anonymous,
    keys: installation.keys,
    grants: {
      pool: database.pool,
      issuer,
      lifetimes: config.lifetimes,
      documents: config.metadataDocuments,
      sign: installation.keys.sign,
      derivation: installation.secrets('refresh-derivation'),
      requestLimit: {
        requests: throttle.bucket('grant-requests', {
          burst: config.throttle.tokenPerGrant,
          intervalMs: 1000,
        }),
        records: throttle.limiter('grant-requests-recorded', { points: 1, seconds: MINUTE }),
      },
    },
    registrationLimiters: {
      perNetwork: createPrefixLimiter(throttle, 'registration', {
        points: config.throttle.registrationPerNetwork,
        seconds: HOUR,
        bound: config.throttle.registrationInAll,
      }),
      inAll: throttle.limiter('registration-all', {
        points: config.throttle.registrationInAll,
        seconds: HOUR,
      }),
    },
    authorizationLimiter: createPrefixLimiter(throttle, 'authorization', {
      points: config.throttle.authorizationPerNetwork,
      seconds: MINUTE,
    }),
    refusalLimiter: createPrefixLimiter(throttle, 'refused-requests', {
      points: config.throttle.tokenPerNetwork,
      seconds: MINUTE,
    }),
    documentLimiters: documentLimiters(throttle, config.throttle),
    guardedFetch: guardedFetch(deps, 'fetch client document'),
    keyFetch: guardedFetch(deps, 'fetch client keys'),
    documentAsked: telemetry.documentAsked,
    documentsReachable: deps.documentsReachable,
    clientRequested: (request) => log.info(request, `a client was asked for: ${GATEHOUSE} client requests`),
  });

  const doors = new Koa();
  doors.use(carryFlow);
  doors.use(
    signInRoutes({
      config,
      database,
      installation,
      throttle,
      cookies,
      forms,
      views,
      sessionCookie,
      basePath,
      clock,
      describe: oauth.purposeOf,
    }),
  );
  doors.use(
    accountRoutes({ config, database, installation, cookies, forms, views, sessionCookie, basePath, clock }),
  );
  doors.use(oauth.endpoints);

  const routeOf = createRouteNames(ROUTES, basePath);
  const app = new Koa();
  app.proxy = true;
  app.keys = [cookieKey.toString('base64url')];
  app.use(requestContext({ log, trustedProxies: config.trustedProxies }));
  app.use(
    observeRequests({
      observer: telemetry.requests,
      routeOf,
      traces: tracing,
    }),
  );
  app.use(securityHeaders({ issuer }));
  app.use(errorBoundary({ views, log, basePath }));
  app.use(health(basePath));
  app.use(hostGuard({ issuer }));
  app.use(cors(basePath));
  app.use(limits());
  app.use(assets.middleware);
  app.use(oauth.metadata);
  app.use(basePath === '' ? mount(doors) : mount(basePath, doors));

  const internal = createInternalApp({
    log,
    draining: deps.draining,
    checks: [
      { name: 'database', check: () => database.pool.query('SELECT 1') },
      { name: 'signing_key', check: installation.keys.current },
    ],
    metrics: telemetry.scrape,
    hosts: [config.internalListen.host.toLowerCase(), ...config.internalHosts],
  });
  const authorization = `${basePath}/authorize`;
  const application = oneByOne(app.callback(), ({ url }) => url?.startsWith(authorization) === true);
  // A trace has its place in the application, so what is traced takes the long way.
  const listener = tracing
    ? application
    : shortcut(application, {
        issuer,
        log,
        trustedProxies: config.trustedProxies,
        observer: telemetry.requests,
        documents: oauth.documents,
        headers: READABLE_BY_ALL,
        routeOf: (path) => routeOf({ path }),
      });
  return { listener, internal };
}

/** Part of a host's budget that lookups without a signed-in person may use. */
const ANONYMOUS_PART = 2 / 3;
/** Lookups at one host that every prefix has in a minute, however small the budget is. */
const MIN_PREFIX_LOOKUPS = 3;

function documentLimiters(
  throttle: Throttle,
  { documentsPerNetwork, documentsPerHost }: Config['throttle'],
): DocumentLimiters {
  const perMinute = (name: string, points: number) => throttle.limiter(name, { points, seconds: MINUTE });
  return {
    perNetwork: createPrefixLimiter(throttle, 'client-documents-network', {
      points: documentsPerNetwork,
      seconds: MINUTE,
    }),
    perHost: perMinute('client-documents-host', documentsPerHost),
    perHostAnonymous: perMinute(
      'client-documents-host-anonymous',
      Math.ceil(documentsPerHost * ANONYMOUS_PART),
    ),
    perHostAndPrefix: perMinute(
      'client-documents-host-prefix',
      Math.max(MIN_PREFIX_LOOKUPS, prefixShare(documentsPerHost)),
    ),
  };
}

/** A way to what clients publish, traced under this name where anything is. */
function guardedFetch({ ways, tracing }: Pick<AppDeps, 'ways' | 'tracing'>, name: string): GuardedFetch {
  const fetch = ways.open();
  return tracing ? (...args) => tracing.trace(name, () => fetch(...args)) : fetch;
}
