/**
 * The door where a person looks after their own account: `/account`.
 *
 *     /account                     my connections, what each may do, and the end of each
 *     /account/security            my passkeys, password and authenticator app, my sessions
 *
 * Everything here needs a session, everything that changes something a form of ours, and changing how
 * one signs in, or giving a program more, a sign-in of the last ten minutes. Nobody sees or touches what is not theirs: what
 * belongs to another person does not exist here.
 *
 * Does not own: what changing or ending a connection means (`domain/grants`), the rules for factors and sessions
 * (`domain/sessions`), or signing in (`sign-in`).
 */

import Router from '@koa/router';
import type { Middleware } from 'koa';

import { addConnections } from './connections.ts';
import type { AccountDeps } from './deps.ts';
import { addPasskeys } from './passkeys.ts';
import { addPassword } from './password.ts';
import { addScopes } from './scopes.ts';
import { addSecurity } from './security.ts';

export type { AccountDeps } from './deps.ts';

export function accountRoutes(deps: AccountDeps): Middleware {
  const router = new Router();
  addConnections(router, deps);
  addScopes(router, deps);
  addSecurity(router, deps);
  addPasskeys(router, deps);
  addPassword(router, deps);
  return router.routes() as Middleware;
}
