import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';

import type { RequestState } from './context.ts';
import { HttpError } from './errors.ts';

/** Whatever a proxy or an attacker may have said about the address that was asked for. */
const FORWARDED = [
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
] as const;

/**
 * Answers only to the issuer's own name (RFC 9110 §7.4: 421 for any other), and makes what follows
 * see exactly the issuer's scheme and host, whatever the peer or a proxy sent.
 *
 * A URL that is built from a header is a URL that an attacker can write. Here every URL comes from
 * the configuration: `X-Forwarded-*` is replaced, never passed on. A loopback issuer answers to its
 * own spelling alone too, which also ends DNS rebinding.
 *
 * @throws HttpError 421, or 400 for a request that names no host or two.
 */
export function hostGuard({ issuer }: { readonly issuer: string }): Middleware {
  const { host, protocol, origin } = new URL(issuer);
  const scheme = protocol.slice(0, -1);
  const accepted = new Set([host, `${host}:${protocol === 'https:' ? 443 : 80}`]);

  return async (ctx, next) => {
    const { req } = ctx;
    const named = hostsOf(req);
    if (named.length !== 1) throw new HttpError(400, 'invalid_request', 'one Host header is needed');
    if (!accepted.has((named[0] ?? '').toLowerCase())) throw misdirected();

    const target = req.url ?? '/';
    if (!target.startsWith('/')) {
      // RFC 9112 §3.2.2: the absolute form names its own authority.
      const absolute = URL.parse(target);
      if (absolute === null) throw new HttpError(400, 'invalid_request', 'the request target is not valid');
      if (absolute.origin !== origin) throw misdirected();
      ctx.url = absolute.pathname + absolute.search;
    }
    if ((req.url ?? '').startsWith('//')) {
      throw new HttpError(400, 'invalid_request', 'the request target is not valid');
    }

    for (const name of FORWARDED) if (name in req.headers) delete req.headers[name];
    req.headers.host = host;
    req.headers['x-forwarded-proto'] = scheme;
    req.headers['x-forwarded-for'] = (ctx.state as RequestState).network;
    await next();
  };
}

/** Node keeps only the first of two Host headers, so the raw ones are counted. */
function hostsOf(req: IncomingMessage): readonly string[] {
  return req.rawHeaders.filter(
    (_, index, raw) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === 'host',
  );
}

function misdirected(): HttpError {
  return new HttpError(421, 'invalid_request', 'this server does not answer for that host');
}
