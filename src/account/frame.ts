import type { Context } from 'koa';

import type { Session } from '../domain/sessions/index.ts';
import type { AccountFrame } from '../platform/http/index.ts';

/** What can be said after something was done; only these words travel in an address, never the sentence. */
const NOTICES = {
  'connection-narrowed': 'The connection may do less now.',
  'connection-widened': 'The connection may do more now.',
  'connection-changed': 'The connection is changed.',
  'connection-ended': 'The connection has ended.',
  'connections-ended': 'The connections have ended.',
  'consent-forgotten': 'The program has to ask you the next time.',
  'passkey-added': 'You can sign in with the new passkey from now on.',
  'passkey-removed': 'The passkey no longer signs you in. Your other sessions have ended.',
  'password-set': 'Password and authenticator app are set. Your other sessions have ended.',
  'password-removed': 'Password and authenticator app no longer sign you in. Your other sessions have ended.',
  enrolled: 'You can sign in here from now on.',
  'session-ended': 'The session has ended.',
  'sessions-ended': 'All other sessions have ended.',
} as const;

export type Notice = keyof typeof NOTICES;

const LOST = (delay: string) => `What you took back stops working at its server ${delay}.`;
const GAINED = (delay: string) =>
  `What you added works once the program has renewed its access, usually ${delay}.`;

/** The notices that name the time until a change of access has its effect at every server. */
const EFFECTS: ReadonlyMap<string, (delay: string) => string> = new Map([
  ['connection-narrowed', LOST],
  ['connection-widened', GAINED],
  ['connection-changed', (delay: string) => `${LOST(delay)} ${GAINED(delay)}`],
  ['connection-ended', (delay: string) => `It stops working at its server ${delay}.`],
  ['connections-ended', (delay: string) => `They stop working at their servers ${delay}.`],
]);

/**
 * Builds the frame of an account page: whom it is about, where else to go, what was just done.
 *
 * @param delay the phrase of `describeRevocationDelay`, on the page of the connections.
 */
export function frameOf(
  ctx: Context,
  { user }: Session,
  basePath: string,
  delay?: string | undefined,
): AccountFrame {
  const done = ctx.query['done'];
  const known = typeof done === 'string' && Object.hasOwn(NOTICES, done) ? (done as Notice) : undefined;
  const effect = known !== undefined && delay !== undefined ? EFFECTS.get(known)?.(delay) : undefined;
  const notice = known && [NOTICES[known], effect].filter(Boolean).join(' ');
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
