import { request as httpRequest, type IncomingHttpHeaders, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import Koa, { type Middleware } from 'koa';
import type { Logger } from 'pino';

import {
  type Cookies,
  createAssets,
  createCookies,
  createForms,
  createHttpServer,
  createViews,
  errorBoundary,
  type Forms,
  health,
  hostGuard,
  limits,
  requestContext,
  securityHeaders,
  serverOptions,
  type Views,
} from '../../src/platform/http/index.ts';
import { createLogger } from '../../src/platform/observability/index.ts';

const views = fileURLToPath(new URL('../../views', import.meta.url));

export interface AppParts {
  readonly issuer: string;
  readonly views: Views;
  readonly cookies: Cookies;
  readonly forms: Forms;
}

export interface ListeningApp extends AppParts {
  readonly port: number;
  readonly server: Server;
  /** What the log said, one parsed line each. */
  readonly log: readonly Record<string, unknown>[];
  /** Sends a request as it is: the Host header is the issuer's unless another is given. */
  ask(path: string, options?: Asked): Promise<Answer>;
  close(): Promise<void>;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Options {
  /** Default: loopback on the port of the server. */
  readonly issuer?: string;
  readonly trustedProxies?: readonly string[];
  readonly serverOptions?: ServerOptions;
  readonly beforeListening?: (server: Server) => void;
}

/** The public listener, put together as the composition root does, with `door` behind it. */
export async function listenWith(
  door: (parts: AppParts) => Middleware,
  options: Options = {},
): Promise<ListeningApp> {
  const lines: Record<string, unknown>[] = [];
  const log: Logger = createLogger({
    level: 'debug',
    stream: { write: (line: string) => void lines.push(JSON.parse(line)) },
  });

  const app = new Koa({ proxy: true });
  // The port decides the issuer, so the server comes first and the app behind it afterwards.
  const server = createHttpServer((req, res) => handle(req, res), {
    issuer: options.issuer ?? 'http://localhost',
    options: options.serverOptions ?? serverOptions,
  });
  options.beforeListening?.(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const issuer = options.issuer ?? `http://localhost:${port}`;
  const assets = createAssets({ root: `${views}/assets`, basePath: '' });
  const parts: AppParts = {
    issuer,
    views: createViews({ root: views, basePath: '', globals: { assets: assets.urls } }),
    cookies: createCookies({ issuer }),
    forms: createForms({ key: Buffer.alloc(32, 7), cookies: createCookies({ issuer }), issuer }),
  };
  app.use(requestContext({ log, trustedProxies: options.trustedProxies ?? [] }));
  app.use(securityHeaders({ issuer }));
  app.use(errorBoundary({ views: parts.views, log }));
  app.use(health());
  app.use(hostGuard({ issuer }));
  app.use(limits());
  app.use(assets.middleware);
  app.use(door(parts));
  const handle = app.callback();

  return {
    ...parts,
    port,
    server,
    log: lines,
    ask: (path, asked = {}) =>
      ask(port, path, { ...asked, headers: { Host: new URL(issuer).host, ...asked.headers } }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function ask(port: number, path: string, { method = 'GET', headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: Object.fromEntries(
          Object.entries(headers).map(([k, v]) => [k, typeof v === 'string' ? v : [...v]]),
        ),
        setHost: false,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** A form as a browser sends it. */
export function formBody(fields: Readonly<Record<string, string>>): Asked {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  };
}
