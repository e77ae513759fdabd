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
  /** The value of the hidden input `csrf`; gives the browser its csrf cookie when it has none. */
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
 * The token is an HMAC over a random cookie of this browser and its session, if there is one: a
 * page on another site can neither read nor plant the cookie, and a token from before a sign-in is
 * worthless after it, so that nobody can be signed in to somebody else's account by a prepared
 * form. What the browser says about the sender (`Sec-Fetch-Site`, `Origin`) must agree where it is
 * sent. `Origin: null` says nothing, because our own `Referrer-Policy: no-referrer` causes it.
 */
export function createForms({ key, cookies, issuer }: Deps): Forms {
  const { origin } = new URL(issuer);

  const tokenFor = (ctx: Context, secret: string) =>
    createHmac('sha256', key)
      .update(`csrf\0${secret}\0${cookies.get(ctx, 'session') ?? ''}`)
      .digest('base64url');

  const verify = (ctx: Context, presented: string) => {
    const site = ctx.get('Sec-Fetch-Site');
    if (site !== '' && site !== 'same-origin' && site !== 'none') throw new FormForged('fetch_site');
    const sender = ctx.get('Origin');
    if (sender !== '' && sender !== 'null' && sender !== origin) throw new FormForged('origin');

    const secret = cookies.get(ctx, COOKIE);
    if (secret === undefined || !equal(presented, tokenFor(ctx, secret))) throw new FormForged('token');
  };

  return {
    token(ctx) {
      const known = cookies.get(ctx, COOKIE);
      const secret = known ?? randomBytes(32).toString('base64url');
      if (known === undefined) cookies.set(ctx, COOKIE, secret);
      return tokenFor(ctx, secret);
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
