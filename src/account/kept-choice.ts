import type { Context } from 'koa';

import type { AccountDeps } from './deps.ts';

const NAME = 'scopes';
/** Length limit of a cookie value. A longer choice is not kept, and the form comes back as it was. */
const MAX_LENGTH = 1024;

/**
 * Keeps what was ticked at one connection across a sign-in, in a cookie of the account pages. It is not carried in an
 * address: a link from elsewhere must not fill in a form that gives more.
 */
export function createKeptChoice({
  config,
  cookies,
  basePath,
}: Pick<AccountDeps, 'config' | 'cookies' | 'basePath'>) {
  const path = `${basePath}/account`;
  return {
    keep(ctx: Context, grantId: string, scopes: readonly string[]): void {
      const value = Buffer.from(JSON.stringify([grantId, ...scopes])).toString('base64url');
      if (value.length > MAX_LENGTH) return;
      cookies.set(ctx, NAME, value, { path, maxAge: config.lifetimes.interaction });
    },

    /** Returns the choice that was kept for this connection, once. */
    take(ctx: Context, grantId: string): readonly string[] | undefined {
      const value = cookies.get(ctx, NAME, { path });
      if (value === undefined) return undefined;
      cookies.clear(ctx, NAME, { path });
      const [kept, ...scopes] = parse(Buffer.from(value, 'base64url').toString());
      return kept === grantId ? scopes : undefined;
    },
  };
}

function parse(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter((member) => typeof member === 'string') : [];
  } catch {
    return [];
  }
}
