import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context } from 'koa';

import { type Form, field, readForm, readJson } from './body.ts';
import type { Cookies } from './cookies.ts';
import { FormForged } from './errors.ts';

interface Deps {
  /** At least 32 bytes, the same in every process. */
  readonly key: Buffer;
  readonly cookies: Cookies;
  readonly issuer: string;
}

export interface Forms {
  /** The value of the hidden input `csrf`; gives a browser without a session its csrf cookie. */
  token(ctx: Context): string;
  /** @throws FormForged, or what `readForm` throws. */
  read(ctx: Context): Promise<Form>;
  /** The same for the JSON that passkey.js sends, with the token in the header `X-CSRF-Token`. */
  readJson(ctx: Context, limit?: number): Promise<unknown>;
}

const COOKIE = 'csrf';

/**
 * Protection of forms against forgery, signed in or not.
 *
 * The token is an HMAC over the session of this browser, or over a random cookie while it has none:
 * a page on another site can neither read nor plant either, and a token from before a sign-in is
 * worthless after it, so that nobody can be signed in to somebody else's account by a prepared
 * form. What the browser says about the sender (`Sec-Fetch-Site`, `Origin`) must agree where it is
 * sent. `Origin: null` says nothing, because our own `Referrer-Policy: no-referrer` causes it.
 */
export function createForms({ key, cookies, issuer }: Deps): Forms {
  const { origin } = new URL(issuer);

  // Several pages of one person may be open at once: with a session it alone is the secret, and no
  // page that is loaded beside another can take the other's away.
  const secretOf = (ctx: Context) => {
    const session = cookies.get(ctx, 'session');
    if (session !== undefined) return `session\0${session}`;
    const random = cookies.get(ctx, COOKIE);
    return random === undefined ? undefined : `cookie\0${random}`;
  };
  const tokenFor = (secret: string) =>
    createHmac('sha256', key).update(`csrf\0${secret}`).digest('base64url');

  const verify = (ctx: Context, presented: string) => {
    const site = ctx.get('Sec-Fetch-Site');
    if (site !== '' && site !== 'same-origin' && site !== 'none') throw new FormForged('fetch_site');
    const sender = ctx.get('Origin');
    if (sender !== '' && sender !== 'null' && sender !== origin) throw new FormForged('origin');

    const secret = secretOf(ctx);
    if (secret === undefined || !equal(presented, tokenFor(secret))) throw new FormForged('token');
  };

  return {
    token(ctx) {
      if (secretOf(ctx) === undefined) cookies.set(ctx, COOKIE, randomBytes(32).toString('base64url'));
      return tokenFor(secretOf(ctx) ?? '');
    },
    async read(ctx) {
      const form = await readForm(ctx);
      verify(ctx, field(form, 'csrf'));
      return form;
    },
    async readJson(ctx, limit) {
      verify(ctx, ctx.get('X-CSRF-Token'));
      return readJson(ctx, limit);
    },
  };
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
