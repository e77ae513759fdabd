import type { Middleware } from 'koa';

import { noteRefusal } from '../refusals/refusal.ts';

/** Where a client authenticates. */
const AUTHENTICATED = new Set(['/token', '/introspect', '/revoke']);

/** RFC 7617 §2, with exactly one space, as clients send it. */
const BASIC = /^basic ([A-Za-z0-9+/]+={0,2})$/i;
/** RFC 6749 appendix A.1 and A.2, not empty. */
const VSCHARS = /^[\x20-\x7e]+$/;

/** Any header of that scheme (RFC 9110 §11.1), well-formed or not. */
const BASIC_SCHEME = /^basic(?:[\s,]|$)/i;

/**
 * Refuses, before anything else is read, an `Authorization` header of the scheme `Basic` that holds no
 * client_id and secret: malformed base64, no UTF-8, malformed form encoding, an empty half. A client that
 * authenticates in the header and fails is answered 401 and challenged for it (RFC 6749 §5.2), where the
 * library would say that the request is malformed.
 *
 * Removes a header of any other scheme, which is no client authentication: some clients send the access token
 * of their MCP server with every request, and an `invalid_client` would make them discard their credentials.
 *
 * Both halves are form-encoded (RFC 6749 §2.3.1), and many clients leave that out. Our client_ids and secrets
 * consist of `[A-Za-z0-9_-]`, which reads the same either way.
 */
export function basicCredentials({ issuer }: { readonly issuer: string }): Middleware {
  return async (ctx, next) => {
    if (!AUTHENTICATED.has(ctx.path)) return next();
    const sent = ctx.req.headersDistinct['authorization'] ?? [];
    if (!sent.some((header) => BASIC_SCHEME.test(header))) {
      delete ctx.req.headers.authorization;
      return next();
    }
    if (sent.length === 1 && areCredentials(sent[0] ?? '')) return next();

    noteRefusal(ctx, {
      event: 'client.authentication_failed',
      outcome: 'refused',
      reason: 'authorization_header',
    });
    const description = 'client authentication failed';
    ctx.status = 401;
    ctx.set('Cache-Control', 'no-store');
    ctx.set(
      'WWW-Authenticate',
      `Basic realm="${issuer}", error="invalid_client", error_description="${description}"`,
    );
    ctx.body = { error: 'invalid_client', error_description: description };
    return undefined;
  };
}

/** Whether an `Authorization` header holds a client_id and a secret, right or wrong. */
export function areCredentials(header: string): boolean {
  const encoded = BASIC.exec(header)?.[1];
  if (encoded === undefined) return false;
  const bytes = Buffer.from(encoded, 'base64');
  // Whatever has another spelling than the bytes it stands for is not base64, or hides something (RFC 4648 §3.5).
  const canonical = bytes.toString('base64');
  if (encoded !== canonical && encoded !== canonical.replace(/(?<!=)=+$/, '')) return false;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const at = text.indexOf(':');
    return at > 0 && [text.slice(0, at), text.slice(at + 1)].every(isFormEncoded);
  } catch {
    return false;
  }
}

/** @throws URIError when it is not. */
function isFormEncoded(half: string): boolean {
  return VSCHARS.test(decodeURIComponent(half.replaceAll('+', ' ')));
}
