import type { Cause } from '../../kernel/cause.ts';
import type { Attempts, Passwords, Totps } from '../credentials/index.ts';

import type { Db, PrismaClient } from './store.ts';

/** Why everything of a person ends; also the `reason` of the audit records. */
export type EndOfUser = 'user_disabled' | 'user_reset' | 'user_removed';

/** Ends what a person has, in the transaction of the action, with a record for each. Returns how many. */
export type EndAllOf<Reason extends string> = (
  tx: Db,
  userId: string,
  reason: Reason,
  cause: Cause,
) => Promise<number>;

/** What acts on people stand on. */
export interface UsersDeps {
  readonly prisma: PrismaClient;
  readonly issuer: string;
  /** Whole seconds. */
  readonly lifetimes: { readonly enrolmentLink: number; readonly recoveryLink: number };
  readonly attempts: Pick<Attempts, 'forgetOf'>;
  readonly passwords: Passwords;
  readonly totps: Totps;
  /** `endAllOf` of `domain/sessions`, which knows people, so that people cannot know it. */
  readonly endSessionsOf: EndAllOf<EndOfUser>;
  /** Ends grants and forgets remembered consents (`domain/grants`). */
  readonly endConnectionsOf: EndAllOf<EndOfUser>;
}
