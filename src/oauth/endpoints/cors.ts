import type { Middleware } from 'koa';

/** Everything that a client may call from a page of another origin. No cookie counts at any of them. */
const OPEN =
  /^\/(?:token|register(?:\/[^/]+)?|revoke|introspect|jwks|\.well-known\/.*)$|\/\.well-known\/(?:openid-configuration|oauth-authorization-server)$/;

/** Allowed where a preflight names no header, or is malformed. */
const USUAL_HEADERS = 'authorization, content-type, mcp-protocol-version, dpop';
/** Field names of RFC 9110 §5.1, as a browser lists them. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]{1,100}(?:, ?[\w!#$%&'*+.^`|~-]{1,100}){0,49}$/;

/** Headers of every response that a page of any origin may read. */
export const READABLE_BY_ALL = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'WWW-Authenticate, DPoP-Nonce, Retry-After',
} as const;

/**
 * CORS for clients that run in a browser (MCP Inspector): any origin, never with credentials, at the
 * endpoints that authenticate by what is in the request itself. A preflight is allowed every header that it
 * asks for: SDKs send the headers of the MCP server here too, and a header alone authorizes nothing.
 */
export function cors(basePath: string): Middleware {
  return async (ctx, next) => {
    const path = ctx.path.startsWith(basePath) ? ctx.path.slice(basePath.length) : ctx.path;
    if (!OPEN.test(path)) return next();

    ctx.set(READABLE_BY_ALL);
    if (ctx.method !== 'OPTIONS' || !ctx.get('Access-Control-Request-Method')) return next();

    ctx.set('Access-Control-Allow-Methods', path.startsWith('/register/') ? 'GET, PUT, DELETE' : 'GET, POST');
    const asked = ctx.get('Access-Control-Request-Headers');
    ctx.set('Access-Control-Allow-Headers', HEADER_NAMES.test(asked) ? asked : USUAL_HEADERS);
    ctx.vary('Access-Control-Request-Headers');
    ctx.set('Access-Control-Max-Age', '3600');
    ctx.status = 204;
    return undefined;
  };
}
