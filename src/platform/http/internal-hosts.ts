import { isIP } from 'node:net';
import type { Middleware } from 'koa';

/**
 * Answers probes and metrics only under localhost, an IP address, or one of `hosts`; 421 otherwise.
 *
 * A page in an operator's browser can point a name of its own at a loopback or private address (DNS rebinding) and
 * would read the answer as its own. Its Host header then has that name, and never an IP address. Probes that send
 * no Host header (HTTP/1.0) are no browsers.
 */
export function internalHosts(hosts: readonly string[]): Middleware {
  const accepted = new Set(['localhost', ...hosts]);
  return async (ctx, next) => {
    const { host } = ctx.req.headers;
    if (host !== undefined && !isAccepted(host)) {
      ctx.status = 421;
      ctx.body = { error: 'invalid_request', error_description: 'see GATEHOUSE_INTERNAL_HOSTS' };
      return undefined;
    }
    return next();
  };

  function isAccepted(host: string): boolean {
    const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$/g, '') ?? '';
    return isIP(name) !== 0 || accepted.has(name);
  }
}
