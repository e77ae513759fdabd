import type { Middleware } from 'koa';

/**
 * What a page of ours may do: nothing, but show its own style, script and images.
 *
 * There is no `form-action` on purpose. Chromium applies it to every redirect that follows a form,
 * so it would block the way back to a loopback port or a private-use scheme after consent.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self' data:",
  "script-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PERMISSIONS_POLICY = [
  'publickey-credentials-get=(self)',
  'publickey-credentials-create=(self)',
  'camera=()',
  'geolocation=()',
  'microphone=()',
  'payment=()',
  'usb=()',
].join(', ');

/** One year, in seconds. Subdomains are somebody else's business. */
const HSTS_MAX_AGE = 31_536_000;

/** The headers that every response carries, also the ones written before there is a request to speak of. */
export function headersFor(issuer: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Permissions-Policy': PERMISSIONS_POLICY,
    'Cross-Origin-Opener-Policy': 'same-origin',
    ...(issuer.startsWith('https:') ? { 'Strict-Transport-Security': `max-age=${HSTS_MAX_AGE}` } : {}),
  };
}

/** Sets the security headers on every response, and keeps pages out of every cache. */
export function securityHeaders({ issuer }: { readonly issuer: string }): Middleware {
  const headers = headersFor(issuer);
  return async (ctx, next) => {
    ctx.set(headers);
    await next();
    if (isHtml(ctx.res.getHeader('Content-Type'))) ctx.set('Cache-Control', 'no-store');
  };
}

/** Said by ourselves, so it need not be parsed. */
function isHtml(type: unknown): boolean {
  return typeof type === 'string' && type.startsWith('text/html');
}
