import type { IncomingMessage, RequestListener } from 'node:http';
import type { Logger } from 'pino';

import { newId } from '../../kernel/ids.ts';

import type { RequestObserver } from './observe-requests.ts';
import type { Prepared } from './prepared.ts';
import { createRequestLog } from './request-log.ts';
import { headersFor } from './security-headers.ts';
import { createClientAddress } from './trusted-proxies.ts';

/** Prepared, and as text too: headers and text leave in one write, headers and bytes in two. */
export interface PreparedText extends Prepared {
  readonly text: string;
}

/** A document that everybody may have, in its present state; `undefined` when it takes more to answer. */
export type Document = () => Promise<PreparedText | undefined>;

interface Deps {
  readonly issuer: string;
  readonly log: Logger;
  readonly trustedProxies: readonly string[];
  readonly observer: RequestObserver;
  /** By the whole request target. */
  readonly documents: ReadonlyMap<string, Document>;
  /** What else these documents say of themselves. */
  readonly headers: Readonly<Record<string, string>>;
  /** The name of a path among the routes. */
  readonly routeOf: (path: string) => string;
}

/** What makes a request for a document more than that. */
const UNUSUAL = [
  'content-length',
  'expect',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'transfer-encoding',
  'upgrade',
] as const;

/**
 * The short way for documents that verifiers and clients fetch all day, before the application and a third
 * of its cost: a plain GET, under the issuer's own name, with nothing to weigh. Everything else, also a
 * document that cannot be had at the moment, goes on to `application`.
 *
 * The answer is the one that the application would give, header by header, and is counted and logged as
 * one of its own; a test compares the two.
 */
export function shortcut(
  application: RequestListener,
  { issuer, log, trustedProxies, observer, documents, headers, routeOf }: Deps,
): RequestListener {
  const { host } = new URL(issuer);
  const always = { ...headersFor(issuer), ...headers };
  const clientAddress = createClientAddress(trustedProxies);
  const write = createRequestLog(log);
  const routes = new Map([...documents.keys()].map((path) => [path, routeOf(path)]));

  return (req, res) => {
    const path = req.url ?? '';
    const document = documents.get(path);
    if (!document || !isPlain(req, host)) return application(req, res);
    const started = performance.now();

    const answer = (prepared: PreparedText | undefined) => {
      if (!prepared) return application(req, res);
      const requestId = newId('req');
      observer.started();
      res.once('close', () => {
        const network = clientAddress(req.socket.remoteAddress, joined(req.headers['x-forwarded-for']));
        write(res, { requestId, network, method: 'GET', path, started });
        observer.ended({
          route: routes.get(path) ?? path,
          method: 'GET',
          status: res.writableFinished ? '200' : 'aborted',
          seconds: (performance.now() - started) / 1000,
        });
      });
      res.writeHead(200, {
        'X-Request-Id': requestId,
        ...always,
        ...prepared.headers,
        'Content-Length': prepared.bytes.length,
      });
      res.end(prepared.text);
    };
    // What went wrong goes wrong once more on the long way, which knows how to say so.
    document().then(answer, () => answer(undefined));
  };
}

/** A GET that names the issuer's host, once, and asks for nothing special. */
function isPlain({ method, headers, rawHeaders }: IncomingMessage, host: string): boolean {
  if (method !== 'GET' || headers.host !== host || UNUSUAL.some((name) => name in headers)) return false;
  let named = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === 'host') named += 1;
  }
  return named === 1;
}

function joined(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(',') : value;
}
