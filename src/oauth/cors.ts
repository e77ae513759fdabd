import type { Middleware } from 'koa';

/** Everything that a client may call from a page of another origin. No cookie counts at any of them. */
const OPEN =
  /^\/(?:token|register(?:\/[^/]+)?|revoke|introspect|jwks|\.well-known\/.*)$|\/\.well-known\/(?:openid-configuration|oauth-authorization-server)$/;

const ALLOW_HEADERS = 'authorization, content-type, mcp-protocol-version, dpop';

/** What every answer says that a page of any origin may read. */
export const READABLE_BY_ALL = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'WWW-Authenticate, DPoP-Nonce, Retry-After',
} as const;

/**
 * CORS for clients that run in a browser (MCP Inspector): any origin, never with credentials, at the
 * endpoints that authenticate by what is in the request itself.
 */
export function cors(basePath: string): Middleware {
  return async (ctx, next) => {
    const path = ctx.path.startsWith(basePath) ? ctx.path.slice(basePath.length) : ctx.path;
    if (!OPEN.test(path)) return next();

    ctx.set(READABLE_BY_ALL);
    if (ctx.method !== 'OPTIONS' || !ctx.get('Access-Control-Request-Method')) return next();

    ctx.set('Access-Control-Allow-Methods', path.startsWith('/register/') ? 'GET, PUT, DELETE' : 'GET, POST');
    ctx.set('Access-Control-Allow-Headers', ALLOW_HEADERS);
    ctx.set('Access-Control-Max-Age', '3600');
    ctx.status = 204;
    return undefined;
  };
}
