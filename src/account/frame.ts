import type { Context } from 'koa';

import type { Session } from '../domain/sessions/index.ts';
import type { AccountFrame } from '../platform/http/index.ts';

/** What can be said after something was done; only these words travel in an address, never the sentence. */
const NOTICES = {
  'connection-ended': 'The connection has ended.',
  'connections-ended': 'The connections have ended.',
  'passkey-added': 'You can sign in with the new passkey from now on.',
  'passkey-removed': 'The passkey no longer signs you in. Your other sessions have ended.',
  'password-set': 'Password and authenticator app are set. Your other sessions have ended.',
  'password-removed': 'Password and authenticator app no longer sign you in. Your other sessions have ended.',
  enrolled: 'You can sign in here from now on.',
  'session-ended': 'The session has ended.',
  'sessions-ended': 'All other sessions have ended.',
} as const;

export type Notice = keyof typeof NOTICES;

/** The frame of an account page: who it is about, where else to go, what was just done. */
export function frameOf(ctx: Context, { user }: Session, basePath: string): AccountFrame {
  const done = ctx.query['done'];
  const notice =
    typeof done === 'string' && Object.hasOwn(NOTICES, done) ? NOTICES[done as Notice] : undefined;
  return {
    user: { name: user.name, email: user.email },
    links: {
      connections: `${basePath}/account`,
      security: `${basePath}/account/security`,
      signOut: `${basePath}/sign-out`,
    },
    notice,
  };
}
