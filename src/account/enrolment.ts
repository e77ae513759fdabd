import type { Context } from 'koa';

import type { Session } from '../domain/sessions/index.ts';

import type { AccountDeps } from './deps.ts';

const NAME = 'enrolment';

/** The browser's side of an enrolment: the token of its attempt, in a cookie of the account pages. */
export function createEnrolment({
  config,
  installation,
  cookies,
  basePath,
}: Pick<AccountDeps, 'config' | 'installation' | 'cookies' | 'basePath'>) {
  const path = `${basePath}/account`;
  return {
    /** `''` when there is none, which is nobody's. */
    tokenOf: (ctx: Context) => cookies.get(ctx, NAME, { path }) ?? '',

    /** Goes on with the enrolment of this browser and person, or begins one. @throws FreshSignInNeeded */
    async begin(ctx: Context, session: Session): Promise<string> {
      const token = await installation.factors.enrol(session, cookies.get(ctx, NAME, { path }));
      cookies.set(ctx, NAME, token, { path, maxAge: config.lifetimes.interaction });
      return token;
    },

    end: (ctx: Context) => cookies.clear(ctx, NAME, { path }),
  };
}
