import { GATEHOUSE } from '../kernel/command-line.ts';
/**
 * The door where a person comes in: `/`, `/sign-in`, `/sign-out`, `/enrol` with a one-time link and, once, `/setup`.
 *
 *     /sign-in ──▶ /sign-in/password ──▶ /sign-in/totp ──┐
 *         └──────▶ /sign-in/passkey ─────────────────────┴──▶ the session's cookie ──▶ `continue`
 *
 * Used by authorizations and by the account pages alike: they send people here with `continue`, an
 * absolute path of this server, and with `reauth=1` when somebody who is signed in must prove it again.
 * Every form is protected against forgery, since signing a person in to somebody else's account is an
 * attack too. Nothing here tells whether an address is known or which factor was wrong.
 *
 * Does not own: what is judged and how (`domain/sessions`, `domain/credentials`), or the first
 * administrator (`domain/users`).
 */

import Router, { type RouterMiddleware } from '@koa/router';
import type { Middleware } from 'koa';

import { DomainError, NotFound } from '../kernel/errors.ts';
import { FormForged, HttpError, originOf } from '../platform/http/index.ts';

import type { SignInDeps } from './deps.ts';
import { addEnrol } from './enrol.ts';
import { addFront } from './front.ts';
import { createSignInLimits, SignInThrottled } from './limits.ts';
import { addNoticePage } from './notice.ts';
import { addPasskey } from './passkey.ts';
import { addSetup } from './setup.ts';
import { addSignOut } from './sign-out.ts';
import { addSteps } from './steps.ts';

export type { SignInDeps } from './deps.ts';

export function signInRoutes(deps: SignInDeps): Middleware {
  const { config, throttle } = deps;
  const router = new Router();
  const limits = createSignInLimits(throttle, {
    perAccount: config.throttle.signInPerAccount,
    perNetwork: config.throttle.signInPerNetwork,
  });

  router.use(recordRefusals(deps));
  addFront(router, deps);
  addSteps(router, deps, limits);
  addPasskey(router, deps, limits);
  addSignOut(router, deps);
  addNoticePage(router, deps);
  addEnrol(router, deps, limits);
  addSetup(router, deps, limits);
  return router.routes() as Middleware;
}

/** The one page for every set-up link that cannot be used, and for set-up once there is an administrator. */
const SETUP_CLOSED = {
  title: 'Set-up is not open',
  explanation:
    'This server has an administrator already, or the set-up link is wrong, too old, or was used before.',
  advice: `Sign in, or make a new link on the server with: ${GATEHOUSE} setup-link`,
};

/** What was refused before the domain saw it goes into the audit trail too. */
function recordRefusals({ installation }: Pick<SignInDeps, 'installation'>): RouterMiddleware {
  const { signIn } = installation;
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (error instanceof FormForged) {
        const event = ctx.path.startsWith('/setup') ? 'setup.rejected' : 'signin.rejected';
        await signIn.recordRefusal(event, `form_${error.reason}`, originOf(ctx));
      } else if (error instanceof DomainError && error.code === 'throttled') {
        const reason = error instanceof SignInThrottled ? error.reason : 'hashing_busy';
        await signIn.recordRefusal('signin.throttled', reason, originOf(ctx));
      } else if (error instanceof NotFound && ctx.path.startsWith('/setup')) {
        throw new HttpError(404, 'not_found', 'there is nothing here', {}, SETUP_CLOSED);
      }
      throw error;
    }
  };
}
