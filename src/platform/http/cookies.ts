import type { IncomingMessage } from 'node:http';
import type { Context } from 'koa';

export interface CookieOptions {
  /** Seconds; left out, the cookie lives as long as the browser. */
  readonly maxAge?: number | undefined;
  /** Absolute path of this server, base path included. Default `/`. */
  readonly path?: string | undefined;
}

export interface Cookies {
  /** The name on the wire, which depends on the scheme of the issuer and on the path. */
  name(name: string, path?: string): string;
  /** The value that the browser sent, or that this very response sets; `undefined` for a malformed one too. */
  get(ctx: Context, name: string, options?: Pick<CookieOptions, 'path'>): string | undefined;
  /** @throws TypeError for a value that is not made of `[A-Za-z0-9._~-]`. */
  set(ctx: Context, name: string, value: string, options?: CookieOptions): void;
  clear(ctx: Context, name: string, options?: Pick<CookieOptions, 'path'>): void;
}

/** All that our tokens are made of; anything else in a cookie is not ours. */
const VALUE = /^[A-Za-z0-9._~-]{1,1024}$/;

/** What the response to a request sets, so that `get` within the same request sees it. */
const written = new WeakMap<IncomingMessage, Map<string, string | undefined>>();

/**
 * The cookies of this server: HttpOnly, SameSite=Lax, and on https Secure with the prefix that a
 * browser enforces: `__Host-` for the whole host, so that no sibling host can plant one,
 * `__Secure-` where a path is needed. On http loopback the same names stand without prefix.
 *
 * A cookie is read under the one name that its path gives it, never under several, since a
 * `__Secure-` name can be planted by a sibling host where a `__Host-` name cannot.
 */
export function createCookies({ issuer }: { readonly issuer: string }): Cookies {
  const secure = issuer.startsWith('https:');

  const nameOf = (name: string, path = '/') => {
    if (!secure) return `gatehouse_${name}`;
    return `${path === '/' ? '__Host-' : '__Secure-'}gatehouse_${name}`;
  };
  const write = (ctx: Context, name: string, value: string | undefined, options: CookieOptions) => {
    const wire = nameOf(name, options.path);
    const pending = written.get(ctx.req) ?? new Map<string, string | undefined>();
    written.set(ctx.req, pending.set(wire, value));

    const maxAge = value === undefined ? 0 : options.maxAge;
    const line = [
      `${wire}=${value ?? ''}`,
      `Path=${options.path ?? '/'}`,
      ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
      'HttpOnly',
      'SameSite=Lax',
      ...(secure ? ['Secure'] : []),
    ].join('; ');
    ctx.set('Set-Cookie', [...otherCookies(ctx, wire), line]);
  };

  return {
    name: nameOf,
    get(ctx, name, { path } = {}) {
      const wire = nameOf(name, path);
      const pending = written.get(ctx.req);
      return pending?.has(wire) ? pending.get(wire) : readCookie(ctx.headers.cookie, wire);
    },
    set(ctx, name, value, options = {}) {
      if (!VALUE.test(value)) throw new TypeError(`the value of the cookie ${name} has unsafe characters`);
      write(ctx, name, value, options);
    },
    clear(ctx, name, options = {}) {
      write(ctx, name, undefined, options);
    },
  };
}

/** What this response sets already under other names. */
function otherCookies(ctx: Context, name: string): readonly string[] {
  const lines = ctx.res.getHeader('Set-Cookie');
  const all = lines === undefined ? [] : Array.isArray(lines) ? lines : [String(lines)];
  return all.filter((line) => !line.startsWith(`${name}=`));
}

function readCookie(header: string | undefined, name: string): string | undefined {
  const prefix = `${name}=`;
  const pair = header?.split(/; */).find((candidate) => candidate.startsWith(prefix));
  const value = pair?.slice(prefix.length);
  return value !== undefined && VALUE.test(value) ? value : undefined;
}
